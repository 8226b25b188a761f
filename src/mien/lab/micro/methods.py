"""Every method of seed 002's Tables 2 and 3 and seed 004's two, as one interface: learn from clips, name a clip's
class.

A method learns from what it is given and from nothing else: scales, adjacency and weights come from the training
clips; no epoch is chosen. Networks are made small (`Effort`) unless the full size is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import Tensor, nn

from mien.core.arrays import Float32, UInt8
from mien.errors import ConfigError
from mien.lab.micro.clips import MicroClip
from mien.lab.micro.flow import enriched, flow_picture
from mien.lab.micro.flow_features import describe
from mien.lab.micro.local_patterns import TopSpec, top_histograms
from mien.lab.micro.tim import interpolate
from mien.lab.models.au_gcn_cur import SPECS, AuGcnCur, MicroTruth, conditional_adjacency, micro_loss, tiny
from mien.lab.models.micro.capsules import CapsuleNet, margin_loss
from mien.lab.models.micro.flow_networks import SIDE, ConcatCnn, LssNet, SoftNet
from mien.lab.models.micro.lkcnn import Lkcnn
from mien.lab.models.micro.sequence_networks import CnnLstm, MerGcn, MultiRegionBiLstm
from mien.pipeline.registry import suggestion


class Recogniser(Protocol):
    """What a method is."""

    def fit(self, clips: Sequence[MicroClip], classes: Sequence[str]) -> None:
        """Learn from scratch."""

    def predict(self, clips: Sequence[MicroClip]) -> list[str]:
        """A class for each clip."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much work networks may do.

    Attributes:
        steps: of training, fixed beforehand.
        batch: clips per step.
        frames: clips are brought to this length (TIM).
        side: of the pictures for networks on clips, px.
        full: published sizes; else a few channels.
        seed: of weights and batches.
    """

    steps: int = 60
    batch: int = 8
    frames: int = 8
    side: int = 32
    full: bool = False
    seed: int = 1


class _Descriptor:
    """A description and a linear support vector machine, scaled by the training clips."""

    def __init__(self, of: Callable[[MicroClip], Float32]) -> None:
        self._of, self._cache = of, dict[str, Float32]()
        self._model: Any = None

    def fit(self, clips: Sequence[MicroClip], classes: Sequence[str]) -> None:
        labels = [c.label for c in clips]
        self._only = labels[0] if len(set(labels)) == 1 else None
        self._model = make_pipeline(StandardScaler(), SVC(kernel="linear", C=0.1, class_weight="balanced"))
        if self._only is None:
            self._model.fit(self._rows(clips), labels)

    def predict(self, clips: Sequence[MicroClip]) -> list[str]:
        if self._only is not None:
            return [self._only] * len(clips)
        return [str(name) for name in self._model.predict(self._rows(clips))]

    def _rows(self, clips: Sequence[MicroClip]) -> Float32:
        for clip in clips:
            if clip.sample.name not in self._cache:
                self._cache[clip.sample.name] = self._of(clip)
        return np.stack([self._cache[c.sample.name] for c in clips])


def span_frames(clip: MicroClip, count: int, side: int | None = None) -> Float32:
    """(count, S, S) float32 grey from onset to offset, by TIM."""
    frames = clip.frames[clip.onset : max(clip.offset, clip.onset + 1) + 1]
    if side is not None:
        frames = _resized(frames, side)
    return interpolate(frames, count).astype(np.float32)


def _resized(frames: UInt8, side: int) -> UInt8:
    import cv2

    return np.stack([cv2.resize(f, (side, side), interpolation=cv2.INTER_AREA) for f in frames])


def _bytes(frames: Float32) -> UInt8:
    return np.asarray(np.clip(np.round(frames), 0, 255), dtype=np.uint8)


Prepared = tuple[Tensor, ...]


@dataclass(frozen=True, slots=True)
class _Kind:
    """How a network is fed, built and taught.

    Attributes:
        prepare: clip → its tensors.
        build: (number of classes, adjacency (N, N), effort) → network.
        logits: (network, batched tensors) → class logits and unit logits or None; used for prediction too.
        loss: (network's answer, tensors' truth) → loss.
    """

    prepare: Callable[[MicroClip, Effort], tuple[np.ndarray[Any, Any], ...]]
    build: Callable[[int, Float32, Effort], nn.Module]
    logits: Callable[[nn.Module, Prepared], tuple[Any, Tensor]]
    loss: Callable[[Any, MicroTruth], Tensor]


class _Network:
    """A network trained for a fixed number of steps."""

    def __init__(self, kind: _Kind, effort: Effort, start: Mapping[str, Tensor] | None = None) -> None:
        self._kind, self._effort, self._start = kind, effort, start
        self._cache: dict[str, tuple[np.ndarray[Any, Any], ...]] = {}
        self._net: nn.Module | None = None
        self._classes: tuple[str, ...] = ()

    def fit(self, clips: Sequence[MicroClip], classes: Sequence[str]) -> None:
        torch.manual_seed(self._effort.seed)
        self._classes = tuple(classes)
        units, present = unit_table(clips)
        self._units = units
        net = self._kind.build(len(classes), conditional_adjacency(present), self._effort)
        optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-3)
        generator = np.random.default_rng(self._effort.seed)
        net.train()
        for _ in range(self._effort.steps):
            pick = generator.choice(len(clips), min(self._effort.batch, len(clips)), replace=False)
            chosen = [clips[k] for k in pick.tolist()]
            answer, _ = self._kind.logits(net, self._batch(chosen))
            loss = self._kind.loss(answer, self._truth(chosen))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        self._net = net.eval()

    def predict(self, clips: Sequence[MicroClip]) -> list[str]:
        if self._net is None:
            raise ConfigError("a method must be fitted before it predicts")
        out: list[str] = []
        with torch.inference_mode():
            for first in range(0, len(clips), 16):
                _, logits = self._kind.logits(self._net, self._batch(clips[first : first + 16]))
                out += [self._classes[k] for k in logits.argmax(dim=1).tolist()]
        return out

    def _batch(self, clips: Sequence[MicroClip]) -> Prepared:
        for clip in clips:
            if clip.sample.name not in self._cache:
                self._cache[clip.sample.name] = self._kind.prepare(clip, self._effort)
        rows = [self._cache[c.sample.name] for c in clips]
        return tuple(torch.from_numpy(np.stack(part).astype(np.float32)) for part in zip(*rows, strict=True))

    def _truth(self, clips: Sequence[MicroClip]) -> MicroTruth:
        emotions = torch.tensor([self._classes.index(c.label) for c in clips])
        span = [[c.onset / (len(c.frames) - 1), c.offset / (len(c.frames) - 1)] for c in clips]
        units = np.array([_unit_row(c, self._units) for c in clips], dtype=np.float32).reshape(len(clips), -1)
        return MicroTruth(emotions, torch.tensor(span), torch.from_numpy(units))


def unit_table(clips: Sequence[MicroClip]) -> tuple[tuple[str, ...], Float32]:
    """Units that occur in the clips, at least one, and (S, N) which clip has which; not coded = absent here."""
    names = sorted({u for c in clips for u in (c.units or ())}, key=lambda n: int(n[2:]) if n[2:].isdigit() else 99)
    names = names or ["AU4"]
    rows = [[float(n in (c.units or ())) for n in names] for c in clips]
    return tuple(names), np.array(rows, dtype=np.float32)


def _unit_row(clip: MicroClip, names: Sequence[str]) -> list[float]:
    return [float("nan") if clip.units is None else float(n in clip.units) for n in names]


def _whole(clip: MicroClip, effort: Effort) -> UInt8:
    """The whole clip, margins too, brought to length: what onset and offset are told from."""
    return _bytes(interpolate(_resized(clip.frames, effort.side), effort.frames).astype(np.float32))


def _au_gcn(name: str) -> _Kind:
    spec = SPECS[name]

    def prepare(clip: MicroClip, effort: Effort) -> tuple[np.ndarray[Any, Any], ...]:
        frames = _whole(clip, effort)
        if spec.channels == 4:
            return (enriched(frames),)
        return (((frames.astype(np.float32) - 128) / 64)[None],)

    def build(classes: int, adjacency: Float32, effort: Effort) -> nn.Module:
        return AuGcnCur(spec if effort.full else tiny(spec), classes, adjacency)

    def logits(net: nn.Module, batch: Prepared) -> tuple[Any, Tensor]:
        answer = net(*batch)
        return answer, answer.emotions

    return _Kind(prepare, build, logits, micro_loss)


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
    grey = _bytes(frames)
    flows = np.stack([flow_picture(grey[0], f, effort.side) for f in grey])
    return ((frames - 128) / 64)[:, None], flows


def _concat_input(clip: MicroClip, effort: Effort) -> tuple[np.ndarray[Any, Any], ...]:
    picture = flow_picture(clip.frames[clip.onset], clip.frames[clip.apex], SIDE)
    return picture, describe(clip.frames[clip.onset : clip.apex + 1], "of-fd")


def _mer_loss(answer: tuple[Tensor, Tensor], truth: MicroTruth) -> Tensor:
    known = torch.isfinite(truth.units)
    each = F.binary_cross_entropy_with_logits(answer[1], torch.nan_to_num(truth.units), reduction="none")
    return F.cross_entropy(answer[0], truth.emotions) + (each * known).sum() / known.sum().clamp(min=1)


_LK_SIDE, _REGIONS = 96, 20


def _described(which: str, clip: MicroClip) -> Float32:
    return describe(clip.frames[clip.onset : clip.offset + 1], which)


KINDS: Mapping[str, Callable[[], _Kind]] = {
    **{name: partial(_au_gcn, name) for name in SPECS},
    "capsulenet": lambda: _Kind(
        lambda c, e: (((_resized(c.frames[c.apex : c.apex + 1], e.side).astype(np.float32) - 128) / 64),),
        lambda k, _, e: CapsuleNet(1, k, e.side, 64 if e.full else 8),
        _plain,
        lambda answer, truth: margin_loss(answer, truth.emotions),
    ),
    "mer-gcn": lambda: _Kind(
        lambda c, e: (((span_frames(c, e.frames, e.side) - 128) / 64)[None],),
        lambda k, a, e: MerGcn(1, k, a, 32 if e.full else 6),
        lambda net, batch: (answer := net(*batch), answer[0]),
        _mer_loss,
    ),
    "cnn-lstm": lambda: _Kind(
        _frames_of, lambda k, _, e: CnnLstm(1, k, 32 if e.full else 8, 128 if e.full else 24), _plain, _cross_entropy
    ),
    "softnet": lambda: _Kind(_picture(SIDE), lambda k, _, e: SoftNet(k), _plain, _cross_entropy),
    "concat-cnn": lambda: _Kind(_concat_input, lambda k, _, e: ConcatCnn(_REGIONS, k), _plain, _cross_entropy),
    "lssnet": lambda: _Kind(
        _lss_input,
        lambda k, _, e: LssNet(k, 32 if e.full else 8, 64 if e.full else 16),
        lambda net, batch: (answer := net(*batch)[1], answer),
        _cross_entropy,
    ),
    "lkcnn": lambda: _Kind(
        _picture(_LK_SIDE), lambda k, _, e: Lkcnn(k, width=32 if e.full else 8), _plain, _cross_entropy
    ),
    "mfem-mffm": lambda: _Kind(
        _frames_of,
        lambda k, _, e: MultiRegionBiLstm(1, k) if e.full else MultiRegionBiLstm(1, k, 6, (1, 1, 1, 1), 16),
        _plain,
        _cross_entropy,
    ),
}
DESCRIPTORS: Mapping[str, Callable[[MicroClip], Float32]] = {
    "lbp-top": lambda c: top_histograms(span_frames(c, 12), TopSpec(radii=(1, 1, 2))),
    "locp-top": lambda c: top_histograms(span_frames(c, 12), TopSpec("ordinal", (1, 1, 2))),
    **{n: partial(_described, n) for n in ("mdmd", "sp-fd", "of-fd")},
}
TABLE_3: Mapping[str, tuple[str, float, float]] = {
    "mdmd": ("MDMD", 57.07, 23.50),
    "sp-fd": ("SP-FD", 21.31, 12.43),
    "of-fd": ("OF-FD", 37.82, 35.34),
    "lbp-top": ("LBP-TOP", 56.98, 42.40),
    "locp-top": ("LOCP-TOP", 45.53, 42.25),
    "capsulenet": ("CapsuleNet", 56.80, 34.70),
    "mer-gcn": ("MER-GCN", 54.40, 30.30),
    "cnn-lstm": ("CNN+LSTM", 60.98, 32.50),
    "softnet": ("SOFTNet", 24.10, 20.22),
    "concat-cnn": ("Concat-CNN", 25.05, 20.19),
    "lssnet": ("LSSNet", 37.70, 32.50),
    "au-gcn-cur": ("AU_GCN_CUR", 64.11, 42.93),
}
"""Seed 002, Table 3: name there, accuracy and F1 on CASME II, %."""
TABLE_2: Mapping[str, tuple[str, float, float]] = {
    "3d-cnn-pretrained": ("3D-CNN (pre-trained)", 55.37, 42.64),
    "3d-cnn": ("3D-CNN", 57.05, 45.03),
    "au-gcn-cur": ("AU_GCN_CUR", 64.11, 45.71),
}
"""Seed 002, Table 2: accuracy with k folds and with one subject left out, %."""
NAMES = (*DESCRIPTORS, *KINDS)


def make_method(name: str, effort: Effort) -> Recogniser:
    """A method by name, untrained.

    Raises:
        ConfigError: there is none; close names are suggested.
    """
    if name in DESCRIPTORS:
        return _Descriptor(DESCRIPTORS[name])
    if name in KINDS:
        return _Network(KINDS[name](), effort)
    raise ConfigError(f'there is no method "{name}"{suggestion(name, NAMES)}')
