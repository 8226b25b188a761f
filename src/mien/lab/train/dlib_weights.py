"""Training begins from dlib's face recognition network (`dlib_face_recognition_resnet_model_v1.dat`, CC0 1.0).

The file is on PyPI inside `face_recognition_models`. Of dlib's format only what is needed is read: every layer's
weights are a tensor of version 2, written as four packed numbers (samples, 1, 1, 1) and raw little-endian float32.
Nothing in the file is executed.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mien.core.arrays import Float32
from mien.errors import ModelError
from mien.lab.train.warm_start import unfold

_VERSION = b"\x01\x02"
_ONES = b"\x01\x01" * 3
_MOST = 100 << 20
_COLOURS = 3
_CONTRAST = 56 / 256
"""dlib's network sees (RGB − mean) / 256; a standardised crop times this has a photograph's usual spread."""


def dlib_tensors(path: Path) -> list[Float32]:
    """The weights in a file of dlib's, flat, in the order of the layers from the picture on.

    Raises:
        ModelError: it cannot be read, is too large, cut short, or holds no weights.
    """
    try:
        if path.stat().st_size > _MOST:
            raise ModelError(f"{path}: larger than {_MOST >> 20} MiB: not dlib's face recognition network")
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    found: list[Float32] = []
    at = data.find(_VERSION)
    while at >= 0:
        span = _numbers(data, at)
        if span is None:
            at = data.find(_VERSION, at + 1)
            continue
        first, count = span
        if first + 4 * count > len(data):
            raise ModelError(f"{path}: ends within a layer of {count} weights: fetch it again")
        found.append(np.frombuffer(data, "<f4", count, first).astype(np.float32))
        at = data.find(_VERSION, first + 4 * count)
    if not found or not all(np.isfinite(one).all() for one in found):
        raise ModelError(f"{path}: holds no finite weights of dlib's format")
    return found


def _numbers(data: bytes, at: int) -> tuple[int, int] | None:
    """(where the numbers begin, how many) of the tensor whose version stands at `at`; None if there is none.

    Tensors of up to 31 numbers are the file's own bookkeeping: no layer of a face network is that small.
    """
    place = at + len(_VERSION)
    length = data[place] if place < len(data) else 0
    if not 1 <= length <= 4:
        return None
    count = int.from_bytes(data[place + 1 : place + 1 + length], "little")
    place += 1 + length
    if data[place : place + len(_ONES)] != _ONES or count < 32:
        return None
    return place + len(_ONES), count


def begin_with_dlib(trunk: nn.Module, path: Path, batches: Sequence[Tensor]) -> nn.Module:
    """Fill a trunk of dlib's shape: every convolution of it followed by a batch normalisation, in dlib's order.

    dlib's fixed scale and shift behind every convolution become a normalisation that does the same, with the running
    statistics of real batches, so that training does not begin with a jump.

    Args:
        trunk: `Recognition`, whose classifier keeps what it has, or `ShapeReader.trunk()`; fewer stages are filled with
            dlib's first ones.
        path: dlib's file.
        batches: at least one input of the trunk, as training shows it.

    Returns:
        `trunk`, in training mode.

    Raises:
        ModelError: another file, or a trunk of another size or build.
    """
    rest = iter(dlib_tensors(path))
    shifts: dict[nn.BatchNorm2d, Tensor] = {}
    with torch.no_grad():
        for conv, norm in _layers(trunk):
            weights, scale = next(rest, None), next(rest, None)
            shifts[norm] = _fill(conv, weights, scale, path)
    unfold(trunk.eval(), shifts, batches)
    return trunk.train()


def _layers(net: nn.Module) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """The convolutions and the normalisations behind them; a network with any others could only be filled in part."""
    modules = [m for m in net.modules() if isinstance(m, (nn.Conv2d, nn.BatchNorm2d))]
    out: list[tuple[nn.Conv2d, nn.BatchNorm2d]] = []
    for conv, norm in zip_longest(modules[::2], modules[1::2]):
        if not isinstance(conv, nn.Conv2d) or not isinstance(norm, nn.BatchNorm2d):
            break
        if norm.num_features == conv.out_channels:
            out.append((conv, norm))
    if not modules or 2 * len(out) != len(modules):
        raise ModelError(
            f"{type(net).__name__} cannot begin with dlib's weights: for that every convolution must have a batch "
            "normalisation behind it, as in the networks recognition and shape_reader"
        )
    return out


def _fill(conv: nn.Conv2d, weights: Float32 | None, scale: Float32 | None, path: Path) -> Tensor:
    """Scale times weights into the convolution; the shift that remains. dlib: scale · (w ∗ x + b) + shift."""
    outputs, inputs, height, width = conv.weight.shape
    colours = _COLOURS if inputs == 1 else inputs
    size = outputs * colours * height * width
    if weights is None or scale is None or len(weights) != size + outputs or len(scale) != 2 * outputs:
        raise ModelError(f"{path}: has no layer of {outputs} filters {height}×{width} over {colours} where it should")
    kernel = torch.from_numpy(weights[:size].reshape(outputs, colours, height, width))
    bias, gain, shift = (torch.from_numpy(a) for a in (weights[size:], scale[:outputs], scale[outputs:]))
    if inputs == 1:
        kernel = kernel.sum(dim=1, keepdim=True)
    if inputs <= _COLOURS:
        kernel = kernel * _CONTRAST
    conv.weight.copy_(kernel * gain[:, None, None, None])
    return gain * bias + shift
