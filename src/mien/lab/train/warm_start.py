"""Training goes on from a shipped model: its ONNX weights back in the network that they were exported from.

Checkpoints are large and stay with whoever trained; the model folders are with everybody. The exporter folds batch
normalisation into the convolution before it. Here it is unfolded again: the function stays the same, and the running
statistics are those of real batches, so that training does not begin with a jump.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from mien.core.arrays import AnyArray
from mien.errors import ModelError

_FIELDS = {
    "Conv": ("weight", "bias"),
    "Gemm": ("weight", "bias"),
    "MatMul": ("weight",),  # a linear layer over more than rows of a table: its bias is added after it
    "Add": ("bias",),
    "PRelu": ("weight",),
    "BatchNormalization": ("weight", "bias", "running_mean", "running_var"),
}
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_AGAIN = re.compile(r"_\d+$")
_LINEAR = ("MatMul", "Add")
_TINY = 1e-8

Inputs = Tensor | tuple[Tensor, ...]
"""Of a network: one tensor, or several."""


def warm_start(net: nn.Module, model: Path, batches: Sequence[Inputs]) -> nn.Module:
    """Fill a network with the weights of an exported one.

    Args:
        net: built as the exported one was.
        model: the folder's `model.onnx`.
        batches: at least one input of the network, as training shows it; they set the running statistics.

    Returns:
        `net`, in training mode. In evaluation mode it answers as the exported one does. What the exporter left out
        (R-Net's points) keeps the values it had.

    Raises:
        ModelError: the file cannot be read, or its graph is not this network's.
    """
    modules = dict(net.named_modules())
    shifts: dict[nn.Module, Tensor] = {}
    filled: set[nn.Module] = set()
    for path, kind, weights in _weights(model):
        module = _called(path, modules)
        if kind in _LINEAR and not isinstance(module, nn.Linear):
            continue  # sums of other things
        if module is None:
            raise ModelError(f"{model}: has a part {path}, which the network lacks: another network's weights")
        shift = _fill(module, dict(zip(_FIELDS[kind], weights, strict=False)), f"{model}: {path}")
        if shift is not None:
            shifts[module] = shift
        filled.add(module)
    if not filled:
        raise ModelError(f"{model}: names no part of the network: exported by something else than mien.lab.export")
    unfold(net, {norm: shifts[m] for m, norm in _followed(net, batches[0]) if m in shifts}, batches)
    return net.train()


def _weights(path: Path) -> list[tuple[str, str, tuple[AnyArray, ...]]]:
    """(the module's name, the kind of its operation, its weights in the operation's order) of all that have some."""
    try:
        graph = onnx.load(str(path)).graph
    except Exception as error:  # protobuf has errors of its own
        raise ModelError(f"{path}: not an ONNX model: {error}") from error
    values = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    out = []
    for node in graph.node:
        if node.op_type == "Cast" and node.input[0] in values:
            values[node.output[0]] = values[node.input[0]].astype(np.float32)
        elif node.op_type in _FIELDS:
            names = node.input if node.op_type in _LINEAR else node.input[1:]
            found = tuple(values[name] for name in names if name in values)
            if node.op_type == "MatMul":
                found = tuple(value.T for value in found)
            if found or node.op_type not in _LINEAR:
                out.append((_module_name(node.name), node.op_type, found))
    return out


def _module_name(node: str) -> str:
    """ "/net/stem/stem.0/stem.0.1/Conv" → "net.stem.0.1": the exporter repeats the name of what only holds others."""
    parts: list[str] = []
    for part in node.strip("/").split("/")[:-1]:
        if parts and part.startswith(parts[-1] + "."):
            parts[-1] = part
        else:
            parts.append(part)
    return ".".join(parts)


def _called(path: str, modules: Mapping[str, nn.Module]) -> nn.Module | None:
    """The exporter wraps the network in one of its own, and numbers a module that is used again ("answers_1")."""
    names = (name for p in (path, _AGAIN.sub("", path)) for name in (p, p.partition(".")[2]))
    return next((modules[name] for name in names if name in modules), None)


def _fill(module: nn.Module, found: dict[str, AnyArray], where: str) -> Tensor | None:
    """Copy; what remains is the shift of a normalisation that was folded in."""
    shift = None
    with torch.no_grad():
        for name, value in found.items():
            tensor = torch.from_numpy(np.array(value, np.float32))
            target = getattr(module, name, None)
            if target is None and name == "bias":
                shift = tensor
            elif target is None or target.numel() != tensor.numel():
                raise ModelError(f"{where}: its {name} has the shape {value.shape}, the network's differs")
            else:
                target.copy_(tensor.reshape(target.shape))
                shift = tensor if name == "bias" else shift
    return shift


def _ran(net: nn.Module, inputs: Inputs) -> None:
    net(*inputs) if isinstance(inputs, tuple) else net(inputs)


def _followed(net: nn.Module, example: Inputs) -> list[tuple[nn.Module, nn.BatchNorm2d]]:
    """Layers and the normalisation that follows each directly."""
    made: dict[int, nn.Module] = {}
    kept: list[Tensor] = []
    pairs: list[tuple[nn.Module, nn.BatchNorm2d]] = []

    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(module, _NORMS):
            if id(inputs[0]) in made:
                pairs.append((made[id(inputs[0])], module))  # type: ignore[arg-type]
            return
        made[id(output)] = module
        kept.append(output)  # so that no other tensor gets its id

    hooks = [m.register_forward_hook(note) for m in net.modules() if isinstance(m, (*_NORMS, nn.Conv2d, nn.Conv3d))]
    net.eval()
    with torch.no_grad():
        _ran(net, example)
    for hook in hooks:
        hook.remove()
    return pairs


@dataclass(slots=True)
class _Moments:
    """Sums over batches of what comes into a normalisation, per channel."""

    total: Tensor
    squares: Tensor
    count: int = 0

    def taker(self) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def take(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            x = inputs[0].transpose(0, 1).flatten(1).double()
            self.total += x.sum(1)
            self.squares += (x**2).sum(1)
            self.count += x.shape[1]

        return take


def unfold(net: nn.Module, shifts: dict[nn.BatchNorm2d, Tensor], batches: Sequence[Inputs]) -> None:
    """Statistics of real batches, and a scale and shift that undo them.

    A folded layer computes w·x + b. A layer that had a bias of its own keeps it, and its normalisation adds nothing.

    Args:
        net: in evaluation mode, its convolutions filled with w.
        shifts: b (C,) of each normalisation.
        batches: inputs of the network.
    """
    moments = {n: _Moments(torch.zeros(len(s)).double(), torch.zeros(len(s)).double()) for n, s in shifts.items()}
    own = {norm: layer.bias is not None for layer, norm in _followed(net, batches[0])}
    with torch.no_grad():
        for norm, shift in shifts.items():
            assert norm.running_mean is not None
            assert norm.running_var is not None
            norm.weight.fill_(1.0)
            norm.bias.copy_(torch.zeros_like(shift) if own[norm] else shift)
            norm.running_mean.zero_()
            norm.running_var.fill_(1.0 - norm.eps)
        hooks = [norm.register_forward_pre_hook(m.taker()) for norm, m in moments.items()]
        for batch in batches:
            _ran(net, batch)
        for hook in hooks:
            hook.remove()
        for norm, m in moments.items():
            mean = m.total / m.count
            variance = (m.squares / m.count - mean**2).clamp_min(_TINY)
            assert norm.running_mean is not None
            assert norm.running_var is not None
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(variance)
            norm.weight.copy_((variance + norm.eps).sqrt())
            norm.bias.add_(mean)
