"""Drawn windows (16 × 112 × 112) and a 3D-ResNet-18 taught on them for a while: something for 8 bits to be wrong about.

No licensed dataset is at hand, so the recogniser has no trained weights, and what 8 bits cost random ones would say
nothing. These tell five movements of drawn people apart; they say nothing about real micro-expressions.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mien.animate.motion import Pulse, course
from mien.core.arrays import Float32, Int64, UInt8
from mien.core.schema import load_schema
from mien.errors import ModelError
from mien.lab.evaluate.micro_films import MOTIONS
from mien.lab.micro.flow import enriched
from mien.lab.models.au_gcn_cur import SPECS, MicroSpec, Resnet3d18
from mien.lab.rigs.rig import Rig
from mien.lab.synth.render_sequence import render_sequence
from mien.lab.synth.sequence import FaceSequence
from mien.micro import face_crop

log = logging.getLogger(__name__)

FRAMES, SIDE = 16, 112
FPS = 32.0
"""16 frames = half a second."""
_WEIGHT = (0.25, 0.7)
"""Of the shapes at the apex: less than a plain expression, more than what nobody could see."""
_PICTURE_PX = 224
_RATE, _STEEPEST = 1e-3, 20.0
_SECOND = 1e9


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Windows with their movements.

    Attributes:
        clips: (N, 4, 16, 112, 112) float32: grey, flow x, flow y, strain (`lab.micro.flow.enriched`).
        classes: (N,) int64, places in `MOTIONS`.
    """

    clips: Float32
    classes: Int64

    def __len__(self) -> int:
        return len(self.clips)


class WindowReader(nn.Module):
    """(B, 4, 16, 112, 112) → (B, K) probabilities: the backbone and one linear layer.

    Args:
        spec: of the backbone.
        classes: K.
    """

    def __init__(self, spec: MicroSpec, classes: int = len(MOTIONS)) -> None:
        super().__init__()
        self.backbone = Resnet3d18(spec)
        self.last = nn.Linear(spec.widths[-1], classes)

    def logits(self, clip: Tensor) -> Tensor:
        """(B, K)."""
        feature, _ = self.backbone(clip)
        out: Tensor = self.last(feature)
        return out

    def forward(self, clip: Tensor) -> Tensor:
        """See the class."""
        return self.logits(clip).softmax(dim=1)


def reader_spec(*, pooled: bool) -> MicroSpec:
    """AU_GCN_CUR's backbone as Table 1 prints it, or with a 3×3 maximum behind the stem."""
    return replace(SPECS["au-gcn-cur"], pooled_stem=pooled)


def draw_windows(rig: Rig, count: int, seed: int) -> Windows:
    """`count` windows, every movement as often as the others; each is another drawn person.

    Args:
        rig: whose faces.
        count: windows.
        seed: other seeds are other people.
    """
    clips, classes = [], []
    for k in range(count):
        kind = k % len(MOTIONS)
        clips.append(_window(rig, kind, 100_000 * seed + k))
        classes.append(kind)
    return Windows(np.stack(clips), np.array(classes, dtype=np.int64))


def _window(rig: Rig, kind: int, seed: int) -> Float32:
    """(4, 16, 112, 112) of one movement."""
    crop, frames = None, list[UInt8]()
    for sample in render_sequence(rig, movement(kind, seed), _PICTURE_PX):
        if crop is None:  # held for all frames: a crop that follows jitters
            crop = face_crop.crop_from_landmarks(sample.landmarks.xy)
        grey = cv2.cvtColor(sample.image, cv2.COLOR_RGB2GRAY) if crop is None else face_crop.cut(sample.image, crop)
        frames.append(np.asarray(cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA), dtype=np.uint8))
    return enriched(np.stack(frames))


def movement(kind: int, seed: int) -> FaceSequence:
    """16 frames in which one of `MOTIONS` comes and begins to go; the head keeps still."""
    rng = np.random.default_rng(seed)
    schema, shapes = load_schema("arkit52"), tuple(MOTIONS.values())[kind]
    times = np.arange(FRAMES) / FPS
    apex = float(rng.uniform(0.5, 0.8)) * FRAMES / FPS
    rise = course(Pulse(0, 1.0, 0.0, apex, apex + 0.35), times)
    rows = np.zeros((FRAMES, len(schema)), np.float32)
    rows[:, [schema.index(n) for n in shapes]] = (rng.uniform(*_WEIGHT) * rise)[:, None]
    none = np.zeros((FRAMES, 3), np.float32)
    return FaceSequence(
        seed=seed,
        kind="micro",
        fps=FPS,
        seconds=FRAMES / FPS,
        times_ns=np.round(times * _SECOND).astype(np.int64),
        shapes=rows,
        gaze_deg=np.zeros((FRAMES, 2, 2), np.float32),
        head_deg=none,
        head_mm=none,
        light=np.ones(FRAMES, np.float32),
        events=(),
    )


def teach(windows: Windows, spec: MicroSpec, steps: int, batch: int = 10, seed: int = 1) -> WindowReader:
    """A reader taught for so many steps: AdamW, a rate that falls to nothing, batches of all movements; ready to be
    exported.

    In float32: PyTorch's bfloat16 gradient of the widest 3-D convolutions is now and then made of memory that nothing
    was written to (2.13, processors with AVX-512 BF16), up to infinity.

    Args:
        windows: to learn from.
        spec: of the backbone.
        steps: at least one.
        batch: windows per step.
        seed: of weights and order.

    Raises:
        ModelError: a step or what came out of it is no number.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = WindowReader(spec).train()
    optimizer = torch.optim.AdamW(net.parameters(), lr=_RATE, weight_decay=1e-2)
    clips, classes = torch.from_numpy(windows.clips), torch.from_numpy(windows.classes)
    began = time.monotonic()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = _RATE * max(0.02, 1.0 - step / steps)
        rows = torch.from_numpy(rng.permutation(len(windows))[:batch])
        loss = F.cross_entropy(net.logits(clips[rows]), classes[rows])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        slope = float(nn.utils.clip_grad_norm_(net.parameters(), _STEEPEST))
        if not np.isfinite([loss.item(), slope]).all():
            raise ModelError(
                f"teaching step {step + 1} of {steps}: loss {loss.item():g}, gradient {slope:g}: no number"
            )
        optimizer.step()
        left = (time.monotonic() - began) / (step + 1) * (steps - step - 1)
        log.info("step %d of %d: loss %.2f, %.0f s left", step + 1, steps, loss.item(), left)
    settle(net, windows.clips)
    fit_last(net.eval(), windows)
    check_finite(net)
    return net


def check_finite(net: nn.Module) -> None:
    """Raise `ModelError` if a weight, a mean or a spread is no number: nothing could be made of it in 8 bits."""
    bad = [name for name, value in net.state_dict().items() if not torch.isfinite(value).all()]
    if bad:
        raise ModelError(f"the taught network is no network: {', '.join(bad[:3])} of {len(bad)} hold no numbers")


def settle(net: WindowReader, clips: Float32, batch: int = 10) -> None:
    """Means and spreads of the normalisations once more from (N, C, T, H, W) windows: running ones lag behind a short
    training."""
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm3d):
            layer.reset_running_stats()
            layer.momentum = None  # plain averages
    net.train()
    with torch.no_grad():
        for first in range(0, len(clips), batch):
            net.logits(torch.from_numpy(clips[first : first + batch]))


def fit_last(net: WindowReader, windows: Windows, decay: float = 1e-2) -> None:
    """The last layer learned to the end on the features of the windows (logistic regression, L-BFGS): a short training
    leaves it far behind the features."""
    with torch.no_grad():
        found = [net.backbone(torch.from_numpy(clip))[0] for clip in calibration(windows)]
    features, classes = torch.cat(found), torch.from_numpy(windows.classes)
    mean, spread = features.mean(dim=0), features.std(dim=0) + 1e-4
    inner = nn.Linear(features.shape[1], net.last.out_features)
    optimizer = torch.optim.LBFGS(inner.parameters(), max_iter=200)

    def loss() -> Tensor:
        optimizer.zero_grad()
        out = F.cross_entropy(inner((features - mean) / spread), classes) + decay * (inner.weight**2).sum()
        out.backward()  # type: ignore[no-untyped-call]
        return out

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        net.last.weight.copy_(inner.weight / spread)
        net.last.bias.copy_(inner.bias - (inner.weight / spread) @ mean)


def calibration(windows: Windows) -> Iterator[Float32]:
    """(1, 4, 16, 112, 112) one after another."""
    for clip in windows.clips:
        yield np.ascontiguousarray(clip[None])
