"""`FaceMovement`: how every region of one face has moved, frame by frame, the head's movement taken out.

Pixels: dense optical flow (dense inverse search, Kroeger et al. 2016) from a reference frame of the same face to each
frame, read at the places of `regions.toml`. The reference is renewed while the face is quiet and at the latest after
some seconds; what had moved until then is carried over, so that the movement has no steps. The crop follows the head
by the flow itself, not by the landmarks, whose jitter would be larger than what is looked for.
Without pixels (a recorded take) the same from the landmarks: coarser.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float32, Float64, UInt8
from mien.micro import face_crop
from mien.micro.head_motion import HeadFit, fit_head
from mien.micro.place_flow import PlaceFlow, dense_flow, halved
from mien.micro.regions import load_regions

REFERENCE_NS = 1_200_000_000
"""Age from which a quiet face gets a new reference."""
REFERENCE_MOST_NS = 3_000_000_000
_QUIET, _LOST = 1.25, 4.0
"""Misfit of the steady places, over what it usually is in this face, up to which a frame may be a reference and from
which the face is lost."""
_USUAL = 0.005
"""Misfit, in distances between the outer eye corners, that no face is thought to stay below when it is looked for."""
_ASTRAY_PX = 6.0
"""Crop px by which the crop may stray from where the landmarks would put it."""
_GAP_NS = 250_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Moved:
    """One face in one frame.

    Attributes:
        t_ns: of the frame.
        regions: (R, 2) float32: displacement since the beginning, x to the image's right and y down along the face's
            own axes, in distances between the outer eye corners.
        head: (8,) float32: the head's movement since the frame before, parameters of `head_motion`.
        misfit: of the steady places; the larger, the less can be said.
        light: mean grey level of the face, 0–255; NaN without pixels.
        fresh: the first frame of a piece: movement before and after cannot be compared.
    """

    t_ns: int
    regions: Float32
    head: Float32
    misfit: float
    light: float
    fresh: bool


class FaceMovement:
    """Follows one face. Not thread-safe."""

    def __init__(self) -> None:
        self._regions = load_regions()
        self._flow = dense_flow()
        self._reference: _Reference | None = None
        self._carried = np.zeros((len(self._regions), 2))
        self._before: npt.NDArray[np.float64] = np.zeros(8)
        self._last_ns: int | None = None
        self._usual = _USUAL

    def step(self, image: UInt8 | None, landmarks_xy: npt.ArrayLike, t_ns: int) -> Moved | None:
        """One frame.

        Args:
            image: (H, W, 3) uint8 RGB, or None: landmarks only.
            landmarks_xy: (98, 2) px, schema "wflw98".
            t_ns: time of the frame, ascending.

        Returns:
            None if the landmarks cannot place the face.
        """
        crop = face_crop.crop_from_landmarks(landmarks_xy)
        if crop is None:
            return None
        crop = face_crop.settled(crop)
        if self._last_ns is not None and t_ns - self._last_ns > _GAP_NS:
            self._reference = None
        self._last_ns = t_ns
        places = self._regions.of(landmarks_xy)
        reference = self._reference
        if reference is None or (reference.grey is None) != (image is None):
            return self._begin(image, crop, places, t_ns)
        if image is None:
            return self._by_landmarks(reference, face_crop.apply(crop, places), t_ns)
        return self._by_flow(reference, image, crop, places, t_ns)

    def _begin(self, image: UInt8 | None, crop: Float64, places: Float32, t_ns: int) -> Moved:
        """A piece begins: everything that moved before is forgotten. `places`: px of the image."""
        grey = None if image is None else face_crop.cut(image, crop)
        self._refer(grey, crop, places, t_ns, np.zeros(8))
        self._carried[:] = 0.0
        self._before = np.zeros(8)
        light = float("nan") if grey is None else _level(grey)
        return Moved(t_ns, self._carried.astype(np.float32), self._before.astype(np.float32), 0.0, light, True)

    def _by_landmarks(self, reference: _Reference, places: Float64, t_ns: int) -> Moved:
        before, after = face_crop.as_unit(reference.places), face_crop.as_unit(places)
        known = np.isfinite(before).all() and np.isfinite(after).all()
        motion = reference.fit.of(after) if known else fit_head(before, after, *self._how)
        own = self._regions.mean @ motion.own
        head, self._before = motion.parameters - self._before, motion.parameters
        return Moved(t_ns, own.astype(np.float32), head.astype(np.float32), motion.misfit, float("nan"), False)

    def _by_flow(self, reference: _Reference, image: UInt8, crop: Float64, places: Float32, t_ns: int) -> Moved:
        grey = face_crop.cut(image, reference.crop)
        moved = reference.places + reference.flow.read(self._flowed(reference, halved(grey)))
        if not np.isfinite(moved).all():
            return self._begin(image, crop, places, t_ns)
        motion = reference.fit.of(face_crop.as_unit(moved))
        strayed = np.abs(_middle(moved - face_crop.apply(reference.crop, places))).max()
        if motion.misfit > _LOST * max(self._usual, _USUAL) or strayed > _ASTRAY_PX:
            return self._begin(image, crop, places, t_ns)
        regions = self._carried + self._regions.mean @ motion.own
        parameters = reference.travelled + motion.parameters
        head, self._before = parameters - self._before, parameters
        self._usual += 0.05 * (motion.misfit - self._usual)
        age = t_ns - reference.t_ns
        if (age > REFERENCE_NS and motion.misfit < _QUIET * self._usual) or age > REFERENCE_MOST_NS:
            self._carried = regions
            self._refer(face_crop.cut(image, crop), crop, places, t_ns, parameters)
        else:
            shift = motion.shift * face_crop.EYES_PX
            back = face_crop.settled(face_crop.moved_back(reference.crop, motion.linear, shift))
            reference.follow(back, motion.parameters)
        return Moved(t_ns, regions.astype(np.float32), head.astype(np.float32), motion.misfit, _level(grey), False)

    def _flowed(self, reference: _Reference, half: UInt8) -> Float32:
        """Halved flow from the reference."""
        before = half if reference.grey is None else reference.grey
        return self._flow.calc(before, half, None)  # type: ignore[call-overload,no-any-return]  # begins with no flow

    def _refer(self, grey: UInt8 | None, crop: Float64, places: Float32, t_ns: int, travelled: Float64) -> None:
        """Later frames are compared with this one."""
        own = face_crop.apply(crop, places)
        fit = HeadFit(face_crop.as_unit(own), *self._how)
        half = None if grey is None else halved(grey)
        self._reference = _Reference(half, crop, own, t_ns, travelled, PlaceFlow(own), fit)

    @property
    def _how(self) -> tuple[Float64, Float64]:
        return self._regions.depth, self._regions.steady


def _middle(values: Float64) -> Float64:
    """(K,) medians of (P, K) numbers, an odd P; those that are not numbers count as large."""
    half = len(values) // 2
    return np.asarray(np.partition(values, half, axis=0)[half])


def _level(grey: UInt8) -> float:
    return float(cv2.mean(grey)[0])


@dataclass(slots=True, eq=False)
class _Reference:
    """The frame that others are compared with, halved, and the crop that follows the head since."""

    grey: UInt8 | None
    crop: Float64
    places: Float64
    t_ns: int
    travelled: Float64
    flow: PlaceFlow
    fit: HeadFit

    def follow(self, crop: Float64, parameters: Float64) -> None:
        """Move the crop with the head; only the similarity part of its movement is in the crop."""
        self.crop = crop
        self.travelled = self.travelled.copy()
        self.travelled[:4] += parameters[:4]
