"""Photo puppets: a real portrait moved with known motion, so that real skin carries exact labels.

    portrait = Portrait(image, landmarks_xy)
    for frame in puppet_frames(portrait, shapes, head_deg): frame.image, frame.landmarks_xy

A rig is laid onto the portrait's 98 points; what its skin would do, the portrait's pixels do. Weights are changes from
the portrait's own expression. The background stands still; around the head it gives way softly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float32, Float64, UInt8, as_float32
from mien.core.schema import load_schema
from mien.errors import RequestError
from mien.lab.datasets.sample import Sample
from mien.lab.pseudo.puppet_fit import lay
from mien.lab.pseudo.puppet_layers import mouth_inside, shut_lashes, still_eyeballs
from mien.lab.pseudo.puppet_mesh import LEAST_AREA, Mesh
from mien.lab.pseudo.puppet_skin import OPENING_ROWS, Skin
from mien.lab.rigs.catalogue import load_rig
from mien.lab.rigs.rig import Identity, Rig

MOST: dict[str, float] = {
    **{name: 0.0 for name in load_schema("arkit52").names if name.startswith("eyeLook")},
    "tongueOut": 0.0,
    "jawForward": 0.0,
    "jawOpen": 0.35,
    "mouthFunnel": 0.5,
    "mouthRollLower": 0.5,
    "mouthRollUpper": 0.5,
    "mouthLowerDownLeft": 0.4,
    "mouthLowerDownRight": 0.4,
    "mouthUpperUpLeft": 0.4,
    "mouthUpperUpRight": 0.4,
}
"""What a warp of one picture can show: iris, tongue and the jaw's thrust not at all, bared teeth only a little. All
other shapes go to 1."""
MOST_HEAD_DEG = 8.0
"""Beyond, cheeks would have to show sides that the portrait does not have."""
_SHARES = (1.0, 0.8, 0.6, 0.4, 0.2, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """A picture to be moved.

    Attributes:
        image: (H, W, 3) uint8 RGB, with some room around the head.
        landmarks_xy: (98, 2) float32 px, schema "wflw98".
        name: for labels.
    """

    image: UInt8
    landmarks_xy: Float32
    name: str = ""

    @classmethod
    def of_sample(cls, sample: Sample) -> Portrait:
        """From a dataset with 98 points, for example `pseudo:DIR`.

        Raises:
            RequestError: the sample has no 98 points.
        """
        if sample.landmarks_xy is None or sample.landmark_schema != "wflw98":
            raise RequestError(f"{sample.name}: a puppet needs the 98 points of schema wflw98")
        return cls(sample.image(), sample.landmarks_xy, sample.name)


@dataclass(frozen=True, slots=True, eq=False)
class PuppetFrame:
    """A moved portrait and what is known about it.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        landmarks_xy: (98, 2) float32 px: the portrait's points, moved as the pixels were.
        shapes: (52,) float32 "arkit52": change from the portrait that was carried out.
        head_deg: (3,) float32 yaw, pitch, roll: turn from the portrait that was carried out.
        carried: share of what was asked for that was carried out; below 1 where skin would have folded.
        least_area: smallest share of its area that a piece of skin kept.
    """

    image: UInt8
    landmarks_xy: Float32
    shapes: Float32
    head_deg: Float32
    carried: float
    least_area: float


class Puppet:
    """One portrait on strings.

    Args:
        portrait: picture and points.
        rig: whose movements; None = Mien's own head.

    Raises:
        SourceError: no person of the rig fits the points.
    """

    def __init__(self, portrait: Portrait, rig: Rig | None = None) -> None:
        self.portrait = portrait
        size = portrait.image.shape[1], portrait.image.shape[0]
        self._laid = lay(rig or load_rig("builtin"), portrait.landmarks_xy, size)
        self._skin = Skin.on(self._laid, portrait.landmarks_xy, size)
        self._points = portrait.landmarks_xy.astype(np.float64)

    @property
    def identity(self) -> Identity:
        """Who of the rig's people moves the portrait."""
        return self._laid.identity

    @cached_property
    def _mesh(self) -> Mesh:
        h, w = self.portrait.image.shape[:2]
        return Mesh.over(self._skin.xy, (w, h), OPENING_ROWS)

    def frame(self, shapes: npt.ArrayLike, head_deg: npt.ArrayLike = (0.0, 0.0, 0.0)) -> PuppetFrame:
        """Move the portrait.

        Args:
            shapes: (52,) schema "arkit52", 0–1: change from the portrait; left and right are the subject's own.
            head_deg: yaw, pitch, roll: turn from the portrait about the top of the neck, each at most 8°.

        Raises:
            RequestError: a movement that a warp cannot show (`MOST`, `MOST_HEAD_DEG`).
        """
        weights, angles = check_movement(shapes, head_deg)
        if not weights.any() and not angles.any():
            points = self.portrait.landmarks_xy.copy()
            return PuppetFrame(self.portrait.image.copy(), points, weights, angles, 1.0, 1.0)
        for share in _SHARES:
            moved = self._moved(weights * np.float32(share), angles * np.float32(share))
            least = self._mesh.least_area(moved)
            if least >= LEAST_AREA:
                break
        after = self._skin.landmarks(moved, self._points)
        image = self._drawn(moved, after, angles * np.float32(share))
        done = weights * np.float32(share), angles * np.float32(share)
        return PuppetFrame(image, after.astype(np.float32), *done, share, least)

    def _moved(self, weights: Float32, angles: Float32) -> Float64:
        """Where every point of the mesh is."""
        shift_mm = self._skin.shift_mm(self._laid, weights) if weights.any() else np.zeros((len(self._skin.xy), 3))
        moved = self._skin.seen(self._laid, shift_mm, angles)
        return self._mesh.relaxed(self._skin.kept_apart(moved), self._skin.held)

    def _drawn(self, moved: Float64, after: Float64, angles: Float32) -> UInt8:
        back = self._mesh.map_back(moved)
        head_only = self._skin.seen(self._laid, np.zeros((len(self._skin.xy), 3)), angles)
        still_eyeballs(back, self._points, after, self._skin.landmarks(head_only, self._points))
        image = cv2.remap(
            self.portrait.image, back[..., 0], back[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        frame = np.asarray(image, dtype=np.uint8)
        shut_lashes(frame, self.portrait.image, self._points, after)
        mouth_inside(frame, self.portrait.image, self._points, after)
        return frame


def check_movement(shapes: npt.ArrayLike, head_deg: npt.ArrayLike) -> tuple[Float32, Float32]:
    """(52,) weights and (3,) angles as float32.

    Raises:
        RequestError: a movement that a warp cannot show, or a number that is none.
    """
    schema = load_schema("arkit52")
    weights = as_float32(shapes, (len(schema),), "puppet: shapes")
    angles = as_float32(head_deg, (3,), "puppet: head_deg")
    if not (np.isfinite(weights).all() and np.isfinite(angles).all()):
        raise RequestError("puppet: weights and angles must be numbers, not NaN")
    for name, weight in zip(schema.names, weights.tolist(), strict=True):
        most = MOST.get(name, 1.0)
        if not 0 <= weight <= most + 1e-6:
            raise RequestError(f"puppet: {name} = {weight:g} cannot be shown by moving a photo: it takes 0–{most:g}")
    if (np.abs(angles) > MOST_HEAD_DEG + 1e-6).any():
        raise RequestError(f"puppet: head turn {angles.tolist()}: at most {MOST_HEAD_DEG:g}° each from the portrait")
    return weights, angles


def puppet_frames(
    portrait: Portrait, shapes: npt.ArrayLike, head_deg: npt.ArrayLike | None = None, rig: Rig | None = None
) -> Iterator[PuppetFrame]:
    """A sequence: one frame per row.

    Args:
        portrait: what to move.
        shapes: (T, 52) schema "arkit52", change from the portrait.
        head_deg: (T, 3) yaw, pitch, roll; None = the head keeps still.
        rig: whose movements; None = Mien's own head.

    Raises:
        RequestError: a movement that a warp cannot show, before the first frame.
        SourceError: no person of the rig fits the portrait.
    """
    weights = as_float32(shapes, (None, len(load_schema("arkit52"))), "puppet_frames: shapes")
    turns = np.zeros((len(weights), 3), np.float32) if head_deg is None else np.asarray(head_deg, dtype=np.float32)
    if turns.shape != (len(weights), 3):
        raise RequestError(f"puppet_frames: {len(weights)} rows of weights need as many head turns, got {turns.shape}")
    for row, turn in zip(weights, turns, strict=True):
        check_movement(row, turn)
    puppet = Puppet(portrait, rig)
    return (puppet.frame(row, turn) for row, turn in zip(weights, turns, strict=True))
