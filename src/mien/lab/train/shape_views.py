"""What the running chain would cut out of a picture: points of the preset's network, head pose, aligned crop.

The landmark network is most of the cost of a drawn face. So it looks at one face of a group; how far its crop lies from
the crop by the true points is kept, and the other faces of the group are cut that far off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mien.action_units.face_crop import HEIGHT, WIDTH, cut, face_crop
from mien.action_units.features import apparent_yaw_pitch, front_view
from mien.action_units.landmark_solver import LandmarkSolver
from mien.action_units.visibility import LEAST_POINT
from mien.core.arrays import Float32, Float64, UInt8
from mien.core.geometry import CropTransform
from mien.core.measures import Box, HeadPose, Landmarks
from mien.core.record import Face, FrameRecord, Stamp
from mien.core.regions import tight_region_of_landmarks
from mien.core.schema import load_schema
from mien.landmarks.gaze import GazeStage
from mien.landmarks.headpose import HeadPoseStage
from mien.landmarks.hrnet98 import HeatmapLandmarks, Options

MARGIN = 10
"""px that stored crops have more on every side, so that training can still move them."""
_SHAKE, _SHIFT = 0.05, 0.02
"""How far off the region is in which the network looks: share of its side, standard deviations of size and place."""
_WFLW = load_schema("wflw98")
_CALM_FRAMES = 24
_LEAST_PRESENCE = 0.3
_REGION_PX, _DOWN_PX = 136.0, 4.0
"""Side of the region of a face in its crop, and how far below the crop's middle its own is."""
_FARTHEST_PX = 14.0
"""A crop by the network's points that lies farther off is of a face that was not found."""


def crop_size(margin: int) -> tuple[int, int]:
    """Width and height of a crop with a margin."""
    return WIDTH + 2 * margin, HEIGHT + 2 * margin


class Look:
    """Landmark network, head pose and solver of the preset `balanced`, one picture at a time."""

    def __init__(self) -> None:
        self._points = HeatmapLandmarks(Options(threads=1))
        self._pose = HeadPoseStage()
        self._gaze = GazeStage()
        self._solver = LandmarkSolver()

    def offset(self, image: UInt8, true_xy: Float32, pose: HeadPose | None, rng: np.random.Generator) -> Float64 | None:
        """(3, 3) px of the true crop → px of the crop that the running chain cuts; None = it does not find the face.

        Args:
            image: (H, W, 3) uint8 RGB.
            true_xy: (98, 2) px; the network looks in their region, shaken.
            pose: true; None = the one that fits the points.
            rng: shakes.
        """
        size = self._points.size_px
        low, high = true_xy.min(axis=0), true_xy.max(axis=0)
        side = 1.25 * float((high - low).max()) * float(np.exp(rng.normal(0.0, _SHAKE)))
        centre = (low + high) / 2 + rng.normal(0.0, _SHIFT, 2) * side
        look = self._points.look(image, [CropTransform.around(centre, side, size)])[0]
        wanted = self._true_crop(image, true_xy, pose, 0)
        found = self._pose_of(image, look.landmarks)
        if look.presence < _LEAST_PRESENCE or wanted is None or found is None:
            return None
        turn = apparent_yaw_pitch(found.rotation[None], found.translation_mm[None]) - self._solver.turn_offset
        crop = face_crop(look.landmarks.xy, turn, self._solver.reference)
        if crop is None:
            return None
        off = np.linalg.inv(_square(crop)) @ _square(wanted)
        corners = np.array([[0, 0, 1], [WIDTH, 0, 1], [0, HEIGHT, 1], [WIDTH, HEIGHT, 1]], dtype=np.float64)
        far = np.linalg.norm((corners @ off.T - corners)[:, :2], axis=1).max()
        return off if far < _FARTHEST_PX else None

    def cut(self, image: UInt8, true_xy: Float32, pose: HeadPose | None, offset: Float64) -> UInt8 | None:
        """A crop with a margin, as far off the true one as `offset` says; None = the points are no face's."""
        crop = self._true_crop(image, true_xy, pose, MARGIN)
        if crop is None:
            return None
        to_margin = np.array([[1.0, 0, MARGIN], [0, 1.0, MARGIN], [0, 0, 1]])
        moved = to_margin @ offset @ np.linalg.inv(to_margin)
        matrix = (_square(crop) @ np.linalg.inv(moved))[:2]
        return cut(image, CropTransform(matrix.astype(np.float32), crop.size_wh))

    def readings(self, images: Sequence[UInt8], near_xy: Sequence[Float32], at_rest: int) -> Float32:
        """(N, 52) what the landmark solver says of a group once it knows its resting faces; NaN = not measured.

        Args:
            images: of one person.
            near_xy: (98, 2) px each; the network looks in their regions.
            at_rest: so many of them, the first ones, are at rest.
        """
        faces = [self._face(image, xy) for image, xy in zip(images, near_xy, strict=True)]
        self._solver.reset()
        for k in range(_CALM_FRAMES):
            self._solve(faces[k % at_rest], k)
        return np.stack([self._solve(face, _CALM_FRAMES + k) for k, face in enumerate(faces)])

    def front(self, crop: UInt8) -> tuple[Float32, Float32] | None:
        """(98, 2) front view and (2,) yaw and pitch, radians, of a crop with its margin; None = no face was found."""
        h, w = crop.shape[:2]
        region = CropTransform.around(((w - 1) / 2, (h - 1) / 2 + _DOWN_PX), _REGION_PX, self._points.size_px)
        look = self._points.look(crop, [region])[0]
        pose = self._pose_of(crop, look.landmarks)
        if look.presence < _LEAST_PRESENCE or pose is None:
            return None
        turn = apparent_yaw_pitch(pose.rotation[None], pose.translation_mm[None]) - self._solver.turn_offset
        xy = np.where(look.landmarks.confidence[:, None] > LEAST_POINT, look.landmarks.xy, np.float32(np.nan))
        return front_view(xy[None], turn, self._solver.reference)[0], turn[0].astype(np.float32)

    def _face(self, image: UInt8, xy: Float32) -> Face | None:
        region = tight_region_of_landmarks(Landmarks(xy, np.ones(98, np.float32), _WFLW), self._points.size_px)
        if region is None:
            return None
        look = self._points.look(image, [region])[0]
        record = self._posed(image, look.landmarks)
        return replace(self._gaze.step(record).faces[0], track_id=1)

    def _solve(self, face: Face | None, number: int) -> Float32:
        if face is None or face.head_pose is None:
            return np.full(52, np.nan, np.float32)
        record = FrameRecord(Stamp("stills", number, number * 100_000_000), (1, 1), faces=(face,))
        shapes = self._solver.step(record).faces[0].blendshapes
        return np.full(52, np.nan, np.float32) if shapes is None else shapes.values

    def _true_crop(self, image: UInt8, xy: Float32, pose: HeadPose | None, margin: int) -> CropTransform | None:
        offset = np.zeros(2)
        if pose is None:
            pose = self._pose_of(image, Landmarks(xy, np.ones(len(xy), np.float32), _WFLW))
            offset = self._solver.turn_offset
        if pose is None:
            return None
        turn = apparent_yaw_pitch(pose.rotation[None], pose.translation_mm[None]) - offset
        return face_crop(xy, turn, self._solver.reference, margin)

    def _pose_of(self, image: UInt8, points: Landmarks) -> HeadPose | None:
        pose = self._posed(image, points).faces[0].head_pose
        return pose if pose is not None and bool(np.isfinite(pose.rotation).all()) else None

    def _posed(self, image: UInt8, points: Landmarks) -> FrameRecord:
        box = Box(np.array([*points.xy.min(axis=0), *points.xy.max(axis=0)], np.float32), 1.0)
        found = Face(box=box, landmarks=points)
        record = FrameRecord(Stamp("still", 0, 0), (image.shape[1], image.shape[0]), image, faces=(found,))
        self._pose.reset()
        return self._pose.step(record)


def _square(crop: CropTransform) -> Float64:
    return np.vstack([crop.image_from_crop.astype(np.float64), [0.0, 0.0, 1.0]])
