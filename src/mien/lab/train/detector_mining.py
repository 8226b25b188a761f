"""The cascade as training uses it: the stages that are finished say what the next one has to learn from.

`proposals` and `refined` are what the runtime does, in torch and without its economy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from mien.core.arrays import Float32, UInt8
from mien.detect import cascade_geometry as geometry
from mien.lab.train.detector_scenes import Scene
from mien.lab.train.detector_windows import NEGATIVE, Windows, anywhere, around_faces, cut

_BATCH = 512
_PER_LEVEL = 600
_CLOSE, _NEAR = 0.5, 0.7
"""Suppression within a level of the pyramid, and between levels and after R-Net (IoU)."""


@dataclass(frozen=True, slots=True)
class MiningSpec:
    """How windows are gathered.

    Attributes:
        smallest_px: least height of a face that the pyramid looks for.
        proposal, refine, output: least probabilities for a candidate to go on; low ones bring more negatives.
        candidates: of a scene at most, the surest first.
        negatives: of a scene kept at most: the surest half of them and others by chance.
        jittered: squares shaken around each face.
        anywhere: for P-Net, squares all over a scene.
    """

    smallest_px: float = 18.0
    proposal: float = 0.4
    refine: float = 0.3
    output: float = 0.3
    candidates: int = 200
    negatives: int = 60
    jittered: int = 10
    anywhere: int = 60


Found = tuple[Float32, Float32]
"""(N, 4) boxes, px, and (N,) probabilities."""


@torch.inference_mode()
def proposals(net: nn.Module, image: UInt8, smallest_px: float, least: float) -> Found:
    """P-Net over the pyramid of (H, W, 3) uint8, corrected and suppressed."""
    height, width = image.shape[:2]
    boxes, scores = [], []
    for size in geometry.pyramid_sizes((width, height), smallest_px):
        level = geometry.normalised(geometry.shrink(image, size)[None])
        answer = net(torch.from_numpy(level))
        probability = torch.sigmoid(answer.logits)[0, 0].numpy()
        rows, columns = np.nonzero(probability > max(least, _surest(probability)))
        if not len(rows):
            continue
        windows = geometry.cells(rows, columns, size, (width, height))
        found = geometry.corrected(windows, answer.box[0].numpy()[:, rows, columns].T)
        score = probability[rows, columns]
        # Overlap is that of the windows: corrections of weak proposals are not to be trusted.
        keep = geometry.suppressed(windows, score, _CLOSE)
        boxes.append(found[keep])
        scores.append(score[keep])
    return _suppressed(boxes, scores, _NEAR)


def _surest(probability: Float32) -> float:
    """What a level's answers must exceed so that `_PER_LEVEL` are left: a young network believes in everything."""
    flat = probability.ravel()
    return float(np.partition(flat, -_PER_LEVEL)[-_PER_LEVEL]) if len(flat) > _PER_LEVEL else 0.0


def _suppressed(boxes: Sequence[Float32], scores: Sequence[Float32], limit: float) -> Found:
    if not boxes:
        return np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
    all_boxes, all_scores = np.concatenate(boxes), np.concatenate(scores)
    keep = geometry.suppressed(all_boxes, all_scores, limit)
    return all_boxes[keep], all_scores[keep]


@torch.inference_mode()
def looked_at(net: nn.Module, image: UInt8, squares: Float32, size_px: int) -> tuple[Float32, Float32, Float32]:
    """R-Net or O-Net on square candidates: probabilities (N,), boxes (N, 4) px, points (N, 5, 2) px or NaN."""
    levels = geometry.halvings(image)
    scores, boxes, points = [], [], []
    for first in range(0, len(squares), _BATCH):
        some = squares[first : first + _BATCH]
        answer = net(torch.from_numpy(geometry.normalised(geometry.crops(levels, some, size_px))))
        scores.append(torch.sigmoid(answer.logits[:, 0]).numpy())
        boxes.append(geometry.corrected(some, answer.box.numpy()))
        unknown = np.full((len(some), 5, 2), np.nan, np.float32)
        five = unknown if answer.points is None else answer.points.numpy().reshape(-1, 5, 2)
        points.append(geometry.points_to_picture(some, five))
    if not scores:
        return np.zeros(0, np.float32), np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32)
    return np.concatenate(scores), np.concatenate(boxes), np.concatenate(points)


def refined(net: nn.Module, image: UInt8, candidates: Float32, least: float) -> Found:
    """R-Net's answers about P-Net's boxes, suppressed."""
    scores, boxes, _ = looked_at(net, image, geometry.squared(candidates), geometry.R_SIZE)
    good = scores > least
    return _suppressed([boxes[good]], [scores[good]], _NEAR)


def candidates_of(nets: Sequence[nn.Module], image: UInt8, spec: MiningSpec) -> Float32:
    """(N, 4) squares that the finished stages (P, or P and R, or all three) hand on, the surest first.

    With all three: the candidates that O-Net believes in, before its own correction: what it has to unlearn.
    """
    boxes, _ = proposals(nets[0], image, spec.smallest_px, spec.proposal)
    boxes = boxes[: spec.candidates]
    if len(nets) > 1:
        boxes, _ = refined(nets[1], image, boxes, spec.refine)
    squares = geometry.squared(boxes)
    if len(nets) > 2:
        scores, _, _ = looked_at(nets[2], image, squares, geometry.O_SIZE)
        order = np.argsort(-scores, kind="stable")
        squares = squares[order[scores[order] > spec.output]]
    return squares


def mine(scene: Scene, nets: Sequence[nn.Module], size_px: int, spec: MiningSpec, rng: np.random.Generator) -> Windows:
    """Windows of a scene for the stage after `nets` (none = P-Net), or with all three for more of O-Net's."""
    near = around_faces(scene, spec.jittered, rng)
    if nets:
        found = candidates_of(nets, scene.image, spec)
    else:
        found = anywhere(scene, spec.anywhere, 0.7 * spec.smallest_px, rng)
    windows = cut(scene, np.concatenate([found, near]), size_px)
    negative = np.flatnonzero(windows.kinds == NEGATIVE)
    if len(negative) > spec.negatives:
        surest = negative[: spec.negatives // 2]
        others = rng.choice(negative[len(surest) :], spec.negatives - len(surest), replace=False)
        negative = np.concatenate([surest, others])
    return windows.only(np.concatenate([np.flatnonzero(windows.kinds != NEGATIVE), negative]))


def mine_all(
    scenes: Callable[[int], Scene], numbers: range, nets: Sequence[nn.Module], size_px: int, spec: MiningSpec
) -> Iterator[Windows]:
    """`mine` for every number; what a number gives does not depend on the others."""
    for net in nets:
        net.eval()
    for number in numbers:
        yield mine(scenes(number), nets, size_px, spec, np.random.default_rng((number, 43)))
