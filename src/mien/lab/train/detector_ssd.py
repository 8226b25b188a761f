"""Teaching the single-shot detector on the cascade's scenes. The loop is `train.loop`.

An anchor is a face where it overlaps a face's box by 0.45 (IoU), and the best one of every face is; below 0.35, or
where no face is, it is none; what lies between and what meets an ignored face is not judged. Three times as many
negatives as positives count, the hardest ones (Liu et al. 2016); boxes by smooth L1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mien.core.arrays import Float32, UInt8
from mien.detect.cascade_geometry import normalised, overlaps
from mien.lab.models.answers import AnchorAnswer
from mien.lab.models.ssd import SsdSpec, anchors_of, encoded
from mien.lab.train.detector_scene_faces import SIZE
from mien.lab.train.detector_scenes import Scene

FACE, NONE, UNJUDGED = 1, 0, -1
_FACE_FROM, _NONE_BELOW = 0.45, 0.35
_NEGATIVES_PER_POSITIVE = 3


@dataclass(frozen=True, slots=True, eq=False)
class SmallScene:
    """A scene, mostly as the network sees it: (S, S, 3) uint8; (N, 4) boxes 0–1; (N,) ignored."""

    image: UInt8
    boxes: Float32
    ignored: np.ndarray[tuple[int], np.dtype[np.bool_]]


class SceneBatch(NamedTuple):
    """image (B, 3, S, S), kind (B, A), offsets (B, A, 4)."""

    image: Tensor
    kind: Tensor
    offsets: Tensor


def small_scene(scene: Scene, size_px: int) -> SmallScene:
    """A scene at the network's size."""
    image = np.asarray(cv2.resize(scene.image, (size_px, size_px), interpolation=cv2.INTER_AREA), np.uint8)
    boxes = np.asarray((scene.boxes_xyxy + 0.5) / SIZE, np.float32)
    return SmallScene(image, boxes, scene.ignored)


_SEEN, _GONE = 0.6, 0.12
"""Share of a face's box that a cut must leave for the face to be asked for; and for anything of it to be there."""


def cut_scene(scene: SmallScene, least_part: float, size_px: int, rng: np.random.Generator) -> SmallScene:
    """A square cut out of a scene by chance, at the network's size; what it cuts off of a face too much is ignored.

    Args:
        scene: at the size it was made in.
        least_part: side of the smallest square, 0–1 of the scene's.
        size_px: side of what comes out.
        rng: chance.
    """
    whole = len(scene.image)
    side = int(whole * rng.uniform(least_part, 1.0))
    x, y = (int(v) for v in rng.integers(0, whole - side + 1, 2))
    pixels = scene.image[y : y + side, x : x + side]
    how = cv2.INTER_AREA if side >= size_px else cv2.INTER_LINEAR
    image = np.asarray(cv2.resize(pixels, (size_px, size_px), interpolation=how), np.uint8)
    boxes = (scene.boxes * whole - np.array([x, y, x, y], np.float32)) / side
    inside = np.clip(boxes, 0, 1)
    left = (inside[:, 2:] - inside[:, :2]).prod(axis=1) / (boxes[:, 2:] - boxes[:, :2]).prod(axis=1).clip(1e-9)
    there = left > _GONE
    return SmallScene(image, boxes[there].astype(np.float32), (scene.ignored | (left < _SEEN))[there])


def matched(
    anchors: Float32, boxes: Float32, ignored: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], Float32]:
    """What each anchor is: kinds (A,) and offsets (A, 4), 0 where it is no face.

    Args:
        anchors: (A, 4) centre and sides.
        boxes: (N, 4) left, top, right, bottom.
        ignored: (N,).
    """
    kinds, offsets = np.full(len(anchors), NONE, np.int64), np.zeros((len(anchors), 4), np.float32)
    if not len(boxes):
        return kinds, offsets
    half = anchors[:, 2:] / 2
    table = overlaps(np.concatenate([anchors[:, :2] - half, anchors[:, :2] + half], axis=1), boxes)
    nearest, best = table.argmax(axis=1), table.max(axis=1)
    kinds[best >= _NONE_BELOW] = UNJUDGED
    kinds[best >= _FACE_FROM] = FACE
    for face in np.flatnonzero(~ignored):
        anchor = int(table[:, face].argmax())
        nearest[anchor], kinds[anchor] = face, FACE
    kinds[ignored[nearest] & (best > 0.1)] = UNJUDGED
    own = kinds == FACE
    offsets[own] = encoded(anchors[own], boxes[nearest[own]])
    return kinds, offsets


@dataclass(eq=False)
class SsdTask:
    """See `loop.Task`.

    Attributes:
        net: the detector, answers `AnchorAnswer`.
        spec: its size.
        scenes: what is learnt from; at the network's size, or larger where parts are cut out of them.
        held_out: scenes of other pictures and people, at the network's size; they choose the best weights.
        batch, seed, half: as the schedule has them.
        colour: strength of the change of brightness and of each colour.
        least_part: see `cut_scene`; 1 = scenes are shown whole, as they are.
    """

    net: nn.Module
    spec: SsdSpec
    scenes: Sequence[SmallScene]
    held_out: Sequence[SmallScene]
    batch: int = 16
    seed: int = 1
    half: bool = True
    colour: float = 0.2
    least_part: float = 1.0

    def __post_init__(self) -> None:
        self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._anchors = anchors_of(self.spec)

    def batches(self, first_step: int) -> Iterator[SceneBatch]:
        """Batches by number."""
        step = first_step
        while True:
            rng = np.random.default_rng((self.seed, step))
            chosen = [self.scenes[i] for i in rng.integers(len(self.scenes), size=self.batch)]
            if self.least_part < 1:
                chosen = [cut_scene(s, self.least_part, self.spec.size_px, rng) for s in chosen]
            mirrored = [_mirrored(s) if rng.random() < 0.5 else s for s in chosen]
            batch = self._batch(mirrored)
            gain = np.exp(
                rng.normal(0, self.colour, (self.batch, 1, 1, 1)) + rng.normal(0, 0.06, (self.batch, 3, 1, 1))
            )
            image = (batch.image * torch.from_numpy(gain.astype(np.float32))).clamp(-1, 1)
            yield batch._replace(image=image)
            step += 1

    def _batch(self, scenes: Sequence[SmallScene]) -> SceneBatch:
        image = torch.from_numpy(normalised(np.stack([s.image for s in scenes])))
        kinds, offsets = zip(*(matched(self._anchors, s.boxes, s.ignored) for s in scenes), strict=True)
        wide = image.contiguous(memory_format=torch.channels_last)
        return SceneBatch(wide, torch.from_numpy(np.stack(kinds)), torch.from_numpy(np.stack(offsets)))

    def loss(self, batch: SceneBatch) -> tuple[Tensor, Mapping[str, float]]:
        """Face or not, and boxes."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half):
            answer: AnchorAnswer = self.net(batch.image)
        return anchor_loss(AnchorAnswer(answer.logits.float(), answer.offsets.float()), batch)

    def evaluate(self) -> Mapping[str, float]:
        """The loss on the held-out scenes."""
        losses = []
        for first in range(0, len(self.held_out), 16):
            batch = self._batch(self.held_out[first : first + 16])
            losses.append(float(anchor_loss(self.net(batch.image), batch)[0]))
        return {"score": float(np.mean(losses))}


def _mirrored(scene: SmallScene) -> SmallScene:
    boxes = np.stack([1 - scene.boxes[:, 2], scene.boxes[:, 1], 1 - scene.boxes[:, 0], scene.boxes[:, 3]], axis=1)
    return SmallScene(np.ascontiguousarray(scene.image[:, ::-1]), boxes, scene.ignored)


def anchor_loss(answer: AnchorAnswer, batch: SceneBatch) -> tuple[Tensor, Mapping[str, float]]:
    """Cross-entropy of all positives and the hardest negatives, and smooth L1 of the positives; per positive."""
    own, none = batch.kind == FACE, batch.kind == NONE
    count = max(1, int(own.sum()))
    each = F.binary_cross_entropy_with_logits(answer.logits, own.float(), reduction="none")
    hardest = each[none].topk(min(_NEGATIVES_PER_POSITIVE * count, int(none.sum()))).values
    face = (each[own].sum() + hardest.sum()) / count
    box = F.smooth_l1_loss(answer.offsets[own], batch.offsets[own], reduction="sum") / count
    return face + box, {"face": float(face.detach()), "box": float(box.detach())}
