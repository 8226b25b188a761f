"""Every network of seed 002's Tables 2 and 3 and seed 004's two, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mien.core.arrays import Float32
from mien.lab.micro.clips import MicroClip
from mien.lab.micro.flow import enriched, flow_picture
from mien.lab.micro.flow_features import describe
from mien.lab.micro.inputs import Effort, as_bytes, resized, span_frames, whole_clip
from mien.lab.micro.networks import Kind, Prepared
from mien.lab.models.au_gcn_cur import SPECS, AuGcnCur, MicroTruth, micro_loss, tiny
from mien.lab.models.micro.capsules import CapsuleNet, margin_loss
from mien.lab.models.micro.flow_networks import SIDE, ConcatCnn, LssNet, SoftNet
from mien.lab.models.micro.lkcnn import Lkcnn
from mien.lab.models.micro.sequence_networks import CnnLstm, MerGcn, MultiRegionBiLstm

_LK_SIDE, _REGIONS = 96, 20


def _au_gcn(name: str) -> Kind:
    spec = SPECS[name]

    def prepare(clip: MicroClip, effort: Effort) -> tuple[np.ndarray[Any, Any], ...]:
        frames = whole_clip(clip, effort)
        if spec.channels == 4:
            return (enriched(frames),)
        return (((frames.astype(np.float32) - 128) / 64)[None],)

    def build(classes: int, adjacency: Float32, effort: Effort) -> nn.Module:
        return AuGcnCur(spec if effort.full else tiny(spec), classes, adjacency)

    def logits(net: nn.Module, batch: Prepared) -> tuple[Any, Tensor]:
        answer = net(*batch)
        return answer, answer.emotions

    return Kind(prepare, build, logits, micro_loss)


def _plain(net: nn.Module, batch: Prepared) -> tuple[Any, Tensor]:
    out = net(*batch)
    return out, out


def _cross_entropy(answer: Tensor, truth: MicroTruth) -> Tensor:
    return F.cross_entropy(answer, truth.emotions)


def _picture(side: int) -> Callable[[MicroClip, Effort], tuple[np.ndarray[Any, Any], ...]]:
    return lambda clip, _: (flow_picture(clip.frames[clip.onset], clip.frames[clip.apex], side),)


def _frames_of(clip: MicroClip, effort: Effort) -> tuple[np.ndarray[Any, Any], ...]:
    return (((span_frames(clip, effort.frames, effort.side) - 128) / 64)[:, None],)


def _lss_input(clip: MicroClip, effort: Effort) -> tuple[np.ndarray[Any, Any], ...]:
    frames = span_frames(clip, effort.frames, effort.side)
    grey = as_bytes(frames)
    flows = np.stack([flow_picture(grey[0], f, effort.side) for f in grey])
    return ((frames - 128) / 64)[:, None], flows


def _concat_input(clip: MicroClip, effort: Effort) -> tuple[np.ndarray[Any, Any], ...]:
    picture = flow_picture(clip.frames[clip.onset], clip.frames[clip.apex], SIDE)
    return picture, describe(clip.frames[clip.onset : clip.apex + 1], "of-fd")


def _mer_loss(answer: tuple[Tensor, Tensor], truth: MicroTruth) -> Tensor:
    known = torch.isfinite(truth.units)
    each = F.binary_cross_entropy_with_logits(answer[1], torch.nan_to_num(truth.units), reduction="none")
    return F.cross_entropy(answer[0], truth.emotions) + (each * known).sum() / known.sum().clamp(min=1)


KINDS: Mapping[str, Callable[[], Kind]] = {
    **{name: partial(_au_gcn, name) for name in SPECS},
    "capsulenet": lambda: Kind(
        lambda c, e: (((resized(c.frames[c.apex : c.apex + 1], e.side).astype(np.float32) - 128) / 64),),
        lambda k, _, e: CapsuleNet(1, k, e.side, 64 if e.full else 8),
        _plain,
        lambda answer, truth: margin_loss(answer, truth.emotions),
    ),
    "mer-gcn": lambda: Kind(
        lambda c, e: (((span_frames(c, e.frames, e.side) - 128) / 64)[None],),
        lambda k, a, e: MerGcn(1, k, a, 32 if e.full else 6),
        lambda net, batch: (answer := net(*batch), answer[0]),
        _mer_loss,
    ),
    "cnn-lstm": lambda: Kind(
        _frames_of, lambda k, _, e: CnnLstm(1, k, 32 if e.full else 8, 128 if e.full else 24), _plain, _cross_entropy
    ),
    "softnet": lambda: Kind(_picture(SIDE), lambda k, _, e: SoftNet(k), _plain, _cross_entropy),
    "concat-cnn": lambda: Kind(_concat_input, lambda k, _, e: ConcatCnn(_REGIONS, k), _plain, _cross_entropy),
    "lssnet": lambda: Kind(
        _lss_input,
        lambda k, _, e: LssNet(k, 32 if e.full else 8, 64 if e.full else 16),
        lambda net, batch: (answer := net(*batch)[1], answer),
        _cross_entropy,
    ),
    "lkcnn": lambda: Kind(
        _picture(_LK_SIDE), lambda k, _, e: Lkcnn(k, width=32 if e.full else 8), _plain, _cross_entropy
    ),
    "mfem-mffm": lambda: Kind(
        _frames_of,
        lambda k, _, e: MultiRegionBiLstm(1, k) if e.full else MultiRegionBiLstm(1, k, 6, (1, 1, 1, 1), 16),
        _plain,
        _cross_entropy,
    ),
}
