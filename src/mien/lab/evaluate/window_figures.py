"""How well a network of the cascade judges held-out windows, and what it costs."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mien.core.arrays import Float32, Float64
from mien.detect.cascade_geometry import normalised
from mien.lab.train.detector_export import Origin, export_network
from mien.lab.train.detector_recipe import SLOTS
from mien.lab.train.detector_task import flat, missed
from mien.lab.train.detector_windows import NEGATIVE, POSITIVE, Windows
from mien.runtime.store import open_model

_BATCH = 1024
_RARE = 1e-3
_TIMED = {"p": (1, 3, 240, 320), "r": (32, 3, 24, 24), "o": (8, 3, 48, 48)}
"""What one timed run looks at: a level of the pyramid, or as many crops as the runtime gives at once."""
_REPEATS = 60


@dataclass(frozen=True, slots=True)
class WindowFigures:
    """Judged on positives and negatives; parts of faces are left out.

    Attributes:
        average_precision: of the ranking by probability.
        missed: share of the positives that rank below the negative of which 1 in 1,000 ranks higher.
        box_error: median over the positives of the mean error of a side, shares of the window.
        points_error: median over the positives of the points' mean distance, shares of the window; NaN = it gives none.
        positives, negatives: how many.
    """

    average_precision: float
    missed: float
    box_error: float
    points_error: float
    positives: int
    negatives: int


@torch.inference_mode()
def judge(net: nn.Module, windows: Windows) -> WindowFigures:
    """The figures of a network on windows of its size."""
    net.eval()
    logits, boxes, points = [], [], []
    for first in range(0, len(windows), _BATCH):
        image = torch.from_numpy(normalised(windows.crops[first : first + _BATCH]))
        answer = flat(net(image), len(image))
        logits.append(answer.logits[:, 0].numpy())
        boxes.append(answer.box.numpy())
        points.append(np.full((len(image), 10), np.nan) if answer.points is None else answer.points.numpy())
    scores = np.concatenate(logits)
    positive, negative = windows.kinds == POSITIVE, windows.kinds == NEGATIVE
    side = np.abs(np.concatenate(boxes) - windows.boxes)[positive].mean(axis=1)
    away = (np.concatenate(points) - windows.points)[positive].reshape(-1, 5, 2)
    distance = np.linalg.norm(away, axis=2).mean(axis=1)
    known = distance[np.isfinite(distance)]
    return WindowFigures(
        ranking_precision(scores[positive], scores[negative]),
        missed(scores[positive], scores[negative], _RARE),
        float(np.median(side)),
        float(np.median(known)) if len(known) else float("nan"),
        int(positive.sum()),
        int(negative.sum()),
    )


def ranking_precision(positive: Float32, negative: Float32) -> float:
    """Mean over the positives of the precision down to each (average precision); equal scores: negatives first."""
    below = np.sort(-negative.astype(np.float64))
    ranked: Float64 = np.sort(-positive.astype(np.float64))
    true = np.arange(1, len(ranked) + 1)
    false = np.searchsorted(below, ranked, side="right")
    return float((true / (true + false)).mean())


def cost(net: nn.Module, slot: str) -> dict[str, Any]:
    """`parameters`; `macs`: multiply-adds of one window; `ms`: least processor time of 60 runs of `_TIMED` in the
    runtime, one thread, divided by the number of crops for R- and O-Net."""
    size = SLOTS[slot]
    with tempfile.TemporaryDirectory() as place:
        export_network(net, slot, Path(place) / slot, Origin("a comparison"))
        model = open_model(Path(place) / slot, threads=1)
        picture = np.random.default_rng(1).uniform(-1, 1, _TIMED[slot]).astype(np.float32)
        times = []
        for _ in range(_REPEATS):
            began = time.process_time()
            model.run({"image": picture})
            times.append(time.process_time() - began)
        model.close()
    parameters = sum(p.numel() for p in net.parameters())
    ms = 1000 * min(times) / len(picture)
    return {"parameters": parameters, "macs": multiply_adds(net, torch.zeros(1, 3, size, size)), "ms": ms}


@torch.inference_mode()
def multiply_adds(net: nn.Module, *example: Tensor) -> int:
    """Of the convolutions and matrix products of one forward pass."""
    total = 0

    def count(layer: nn.Module, _: tuple[Tensor, ...], out: Tensor) -> None:
        nonlocal total
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        total += out.numel() * (layer.weight.numel() // layer.weight.shape[0])

    layers = [m for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    hooks = [m.register_forward_hook(count) for m in layers]
    try:
        net.eval()(*example)
    finally:
        for hook in hooks:
            hook.remove()
    return total
