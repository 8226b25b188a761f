"""One followed face, and how faces found in a picture are matched to followed ones."""

from __future__ import annotations

import numpy as np

from mien.core.arrays import Float32, Float64
from mien.core.geometry import CropTransform, iou
from mien.core.measures import Box, Landmarks
from mien.core.record import Face
from mien.core.regions import detector_region_of_landmarks, region_of_detection, region_of_landmarks

REGION_PX = 192
"""Side of the crop that a followed face's region is told as."""
_SAME_IOU = 0.2
"""A detector's box and the box of the points of the same face overlap by 0.5 and more."""
_REPEAT_IOU = 0.5
"""Two followed faces that overlap by this much are one face."""
_NEAR_SIDES = 1.5
"""A face that comes back may have moved by this many of its own box's sides."""
_MAX_SCALE = 2.0
"""... and may have grown or shrunk by this factor."""
_SURE = 8
"""Power of the detector's confidence in how prominent a new face is."""
_VELOCITY_MEMORY_S = 0.1
_FORESIGHT_S = 0.5
"""A velocity is trusted this long."""


class Track:
    """A face that is being followed, or was a moment ago.

    Attributes:
        track_id: its id.
        box: last known box.
        seen_ns: when that was.
        confirmed: True once a landmark stage (or a second detection) has agreed that it is a face.
        has_landmarks: True if the last finished record had landmarks for it.
    """

    def __init__(self, track_id: int, box: Box, t_ns: int) -> None:
        self.track_id = track_id
        self.box = box
        self.seen_ns = t_ns
        self.confirmed = False
        self.has_landmarks = False
        self.surprise = 0.0
        self._landmarks: Landmarks | None = None
        self._region: CropTransform | None = None
        self._velocity_px_s: Float64 = np.zeros(2)
        self._fresh = True
        self._checked_ns = t_ns
        self._doubted = False

    def follow(self, face: Face, t_ns: int) -> bool:
        """Take over a finished face. False if its landmarks are too incomplete to follow."""
        region = region_of_landmarks(face.landmarks, REGION_PX) if face.landmarks is not None else None
        if face.landmarks is not None and region is None:
            return False
        dt = (t_ns - self.seen_ns) / 1e9
        self.surprise = 1.0 - iou(self.expected_xyxy(t_ns), face.box.xyxy)
        if dt > 0 and not self._fresh:
            new = (_centre(face.box.xyxy) - _centre(self.box.xyxy)) / dt
            share = 1 - np.exp(-dt / _VELOCITY_MEMORY_S)
            self._velocity_px_s = self._velocity_px_s + share * (new - self._velocity_px_s)
        self._fresh = False
        self.box, self.seen_ns, self._landmarks, self._region = face.box, t_ns, face.landmarks, region
        self.has_landmarks = face.landmarks is not None
        self.confirmed = True
        return True

    def revive(self, face: Face, t_ns: int) -> None:
        """Follow again from a detected face; its motion before is forgotten."""
        self.box, self.seen_ns, self._landmarks, self._region = face.box, t_ns, None, None
        self.has_landmarks, self._fresh = False, True
        self._velocity_px_s = np.zeros(2)
        self._checked_ns, self._doubted = t_ns, False

    def expected_xyxy(self, t_ns: int) -> Float64:
        """(4,) box, px, moved on with the velocity so far."""
        ahead_s = float(np.clip((t_ns - self.seen_ns) / 1e9, 0, _FORESIGHT_S))
        return self.box.xyxy.astype(np.float64) + np.tile(self._velocity_px_s * ahead_s, 2)

    def region(self) -> CropTransform:
        """Where to look for the landmarks: the region of the last ones, else of the box."""
        return self._region or region_of_detection(self.box, None, REGION_PX)

    def check_is_due(self, now_ns: int, interval_ns: int) -> bool:
        """True if the face was last judged (or found) so long ago, or was doubted then."""
        return self.has_landmarks and (self._doubted or now_ns - self._checked_ns >= interval_ns)

    def check_region(self, size_px: int) -> CropTransform | None:
        """What a detector would box, from the last landmarks."""
        return detector_region_of_landmarks(self._landmarks, size_px) if self._landmarks is not None else None

    def refuted(self, doubtful: bool, now_ns: int) -> bool:
        """Take note of a judgement. True if it is the second doubtful one running."""
        twice = doubtful and self._doubted
        self._doubted, self._checked_ns = doubtful, now_ns
        return twice


def match(tracks: list[Track], faces: list[Face], t_ns: int) -> tuple[list[tuple[Track, Face]], list[Face]]:
    """Best assignment as a whole of found faces to followed ones, by overlap; and the faces that are left."""
    score = np.array([[iou(t.expected_xyxy(t_ns), f.box.xyxy) for f in faces] for t in tracks])
    return _assigned(tracks, faces, score, _SAME_IOU)


def match_returning(tracks: list[Track], faces: list[Face], t_ns: int) -> tuple[list[tuple[Track, Face]], list[Face]]:
    """The same for lost faces, by nearness to where they were or were going; one that is left is not the same."""
    return _assigned(tracks, faces, np.array([[_nearness(t, f, t_ns) for f in faces] for t in tracks]), 0.0)


def _nearness(track: Track, face: Face, t_ns: int) -> float:
    """1 = the same place, 0 and less = too far away or of another size."""
    old, new = float(np.mean(track.box.size_wh)), float(np.mean(face.box.size_wh))
    if min(old, new) <= 0 or max(old, new) / min(old, new) > _MAX_SCALE:
        return -1.0
    centre = _centre(face.box.xyxy)
    places = (_centre(track.box.xyxy), _centre(track.expected_xyxy(t_ns)))
    away = min(float(np.hypot(*(centre - place))) for place in places)
    return 1.0 - away / (_NEAR_SIDES * max(old, new))


def _assigned(
    tracks: list[Track], faces: list[Face], score: Float64, least: float
) -> tuple[list[tuple[Track, Face]], list[Face]]:
    if not tracks or not faces:
        return [], faces
    rows, columns = _paired(-score)
    good = [(r, c) for r, c in zip(rows, columns, strict=True) if score[r, c] > least]
    taken = {c for _, c in good}
    return [(tracks[r], faces[c]) for r, c in good], [f for c, f in enumerate(faces) if c not in taken]


def _paired(cost: Float64) -> tuple[list[int], list[int]]:
    """The cheapest pairs of a row and a column, each at most once."""
    if 1 in cost.shape:  # one face: what needs no choice needs no SciPy, whose import takes a third of a second
        row, column = np.unravel_index(int(np.argmin(cost)), cost.shape)
        return [int(row)], [int(column)]
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(cost)
    return rows.tolist(), columns.tolist()


def crowd_out_repeats(tracks: list[Track]) -> list[Track]:
    """Of followed faces that lie on one another, those to give up: the one that jumped there; else the younger."""
    gone: list[Track] = []
    for i, a in enumerate(tracks):
        for b in tracks[i + 1 :]:
            if a in gone or b in gone or iou(a.box.xyxy, b.box.xyxy) < _REPEAT_IOU:
                continue
            a_jumped = a.surprise > b.surprise + 0.1
            b_jumped = b.surprise > a.surprise + 0.1
            younger = a if a.track_id > b.track_id else b
            gone.append(a if a_jumped else b if b_jumped else younger)
    return gone


def prominence(face: Face, size_wh: tuple[int, int]) -> float:
    """How likely the face is the one that matters: its area, halved at the picture's edge, times a high power of the
    detector's confidence: a large 0.9 must not stand before a small 1.0, which is a face."""
    w, h = face.box.size_wh
    middle = (np.array(size_wh, dtype=np.float64) - 1) / 2
    away = np.abs((_centre(face.box.xyxy) - middle) / np.maximum(middle, 1))
    return w * h * (1 - 0.5 * float(np.clip(np.hypot(*away), 0, 1))) * face.box.confidence**_SURE


def _centre(xyxy: Float32 | Float64) -> Float64:
    return (xyxy[:2].astype(np.float64) + xyxy[2:]) / 2
