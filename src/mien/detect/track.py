"""Following faces from frame to frame: who is who, where to look next, and when to search again.

The region for the landmark stage comes from the landmarks of the frame before (`feedback`), so a detector runs
only when something is missing. All waiting is in time, never in frames. Bookkeeping of one face: `tracks.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
from pydantic import Field

from mien.core.arrays import Float32, UInt8
from mien.core.geometry import CropTransform
from mien.core.record import Face, FrameRecord
from mien.core.regions import region_of_detection
from mien.detect.tracks import REGION_PX, Track, crowd_out_repeats, match, match_returning, prominence
from mien.pipeline import stage
from mien.pipeline.stage import Stage

_THUMB_WH = (32, 18)
_UNLIKE = 0.7
"""Two pictures whose grey values correlate less are of different scenes: from frame to frame of eleven clips it is
0.87 and more, between any two of 13 portraits 0.62 and less."""
_UNLIKE_LEVEL = 15.0
"""... if they also differ by this many grey levels: in a nearly even picture noise correlates with nothing."""
_CHECK_PX = 48
_AT_MOST_WAITING = 8
"""Findings of one search that may take the place of one that was refused, each in a frame of its own."""
_MS = 1_000_000


class Options(stage.Options):
    """Options of `Tracker`."""

    max_faces: int = Field(default=1, ge=1, le=64, description="follow at most this many faces; the most prominent win")
    search_interval_ms: int = Field(
        default=300, ge=0, description="while fewer faces than max_faces are followed, search this often"
    )
    remember_ms: int = Field(
        default=2000, ge=0, description="a face that comes back near its old place within this time keeps its id"
    )
    cut_level: float = Field(
        default=35.0,
        gt=0,
        description="mean change of the picture, in grey levels (0-255), that counts as a scene cut: search at once, "
        "and whoever is found is somebody new",
    )
    check_interval_ms: int = Field(
        default=200,
        ge=0,
        description="how often a detector that can judge a region is asked whether a followed face is still one; "
        "0 = in every frame",
    )
    min_face_score: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="a followed face that scores less twice running is lost; 0 = landmarks alone decide",
    )


@runtime_checkable
class FaceScores(Protocol):
    """A detector that can also judge a region (the cascade's last network)."""

    def face_scores(self, image: UInt8, regions: Sequence[CropTransform]) -> Float32:
        """(N,) probability, 0–1, that each square region, 48 × 48 px and upright, is a detector's box of a face."""


class Tracker:
    """Gives every face an id that stays, and the region (`Face.crop`) where its landmarks will be.

    Ids count from 0 in the order in which faces are found, the most prominent first (large and central). The
    detector runs in the first frame, in the frame after a face was lost, at a scene cut, after a jump in time,
    and otherwise every `search_interval_ms` while fewer than `max_faces` are followed. Faces are matched by
    overlap with where they are expected, assigned as a whole (Hungarian method). A face whose landmark stage
    gave no landmarks (dropped it) is lost, and so is one that the detector, if it can judge regions (`FaceScores`),
    takes for no face twice running: landmark networks draw a face also onto a hand in front of one. Without a
    landmark stage behind it the detector runs on every frame.
    If a new face turns out to be none, the next prominent finding of the same search takes its place in the next frame.
    Nobody keeps an id across a scene cut (a sudden change of the picture, or of its size): a face in the same place
    is somebody else's there. So the pictures of a folder can be of different people.

    Args:
        options: see `Options`.
        detector: the stage that finds faces in one frame.
    """

    _tracks: list[Track]
    _lost: list[Track]
    _first_id: int
    _next_id: int
    _now_ns: int | None
    _searched_ns: int | None
    _search_at_once: bool
    _waiting: list[Face]
    _thumb: Float32 | None
    _shape: tuple[int, ...] | None

    def __init__(self, options: Options | None = None, *, detector: Stage) -> None:
        self._options = options or Options()
        self._detector = detector
        self._judge = detector if isinstance(detector, FaceScores) and self._options.min_face_score > 0 else None
        self.reads = detector.reads | {"image"}
        self.writes = detector.writes | {"faces", "faces.track_id"}
        self._first_id = 0
        self._forget()

    @property
    def models(self) -> tuple[str, ...]:
        return self._detector.models

    def step(self, record: FrameRecord) -> FrameRecord:
        if record.image is None:
            return record
        now = record.stamp.t_ns
        if self._jumped(record.image, now):
            self._lose(list(self._tracks))
            self._lost = []
            self._waiting = []
            self._search_at_once = True
        self._lost = [t for t in self._lost if now - t.seen_ns <= self._options.remember_ms * _MS]
        self._check(record.image, now)
        fresh = self._search(record) if self._search_is_due(now) else self._begin(self._waiting, now)
        self._now_ns = now
        faces = [self._face(track, fresh.get(track.track_id)) for track in self._tracks]
        return replace(record, faces=tuple(sorted(faces, key=lambda f: f.track_id or 0)))

    def feedback(self, record: FrameRecord) -> None:
        """Take over where the faces of the finished record are; what is missing in it is lost."""
        self._detector.feedback(record)
        self._now_ns = now = record.stamp.t_ns
        seen = {f.track_id: f for f in record.faces if f.track_id is not None}
        known = {t.track_id for t in self._tracks}
        for track_id, face in seen.items():  # a resumed capture: faces from before
            if track_id not in known:
                self._lost = [t for t in self._lost if t.track_id != track_id]
                self._tracks.append(Track(track_id, face.box, now))
                self.reserve_ids((track_id,))
        gone = [t for t in self._tracks if t.track_id not in seen or not t.follow(seen[t.track_id], now)]
        self._search_at_once |= any(t.confirmed for t in gone)
        self._lose(gone)
        repeats = crowd_out_repeats(self._tracks)
        self._search_at_once |= bool(repeats)
        self._lose(repeats)
        if any(not t.has_landmarks for t in self._tracks):
            self._search_at_once = True

    def reserve_ids(self, ids: Iterable[int]) -> None:
        """Never give these ids (nor smaller ones) to a new face: a resumed take has used them. Outlasts `reset`."""
        self._first_id = max(self._first_id, max(ids, default=-1) + 1)
        self._next_id = max(self._next_id, self._first_id)

    def reset(self, track_id: int | None = None) -> None:
        self._detector.reset(track_id)
        if track_id is None:
            self._forget()
        else:
            self._tracks = [t for t in self._tracks if t.track_id != track_id]
            self._lost = [t for t in self._lost if t.track_id != track_id]
            self._search_at_once = True

    def close(self) -> None:
        self._detector.close()

    def _forget(self) -> None:
        self._tracks = []
        self._lost = []
        self._next_id = self._first_id
        self._now_ns = None
        self._searched_ns = None
        self._search_at_once = True
        self._waiting = []
        self._thumb = None
        self._shape = None

    def _jumped(self, image: UInt8, now_ns: int) -> bool:
        """True at a scene cut and when time ran backwards or further than a face is remembered."""
        thumb = np.asarray(cv2.resize(image, _THUMB_WH, interpolation=cv2.INTER_NEAREST), np.float32)
        shape, before, shape_before = image.shape, self._thumb, self._shape
        self._thumb, self._shape = thumb, shape
        if self._now_ns is not None and not 0 <= now_ns - self._now_ns <= self._options.remember_ms * _MS:
            return True
        if before is None:
            return False
        change = float(np.abs(thumb - before).mean())
        unlike = change > _UNLIKE_LEVEL and _correlation(thumb, before) < _UNLIKE
        return shape != shape_before or change > self._options.cut_level or unlike

    def _check(self, image: UInt8, now_ns: int) -> None:
        """Show the detector the regions of followed faces whose turn it is; lose those that are none."""
        if self._judge is None:
            return
        interval_ns = self._options.check_interval_ms * _MS
        regions = {t: t.check_region(_CHECK_PX) for t in self._tracks if t.check_is_due(now_ns, interval_ns)}
        known = {t: region for t, region in regions.items() if region is not None}
        if not known:
            return
        scores = self._judge.face_scores(image, list(known.values()))
        refuted = [
            t for t, s in zip(known, scores, strict=True) if t.refuted(bool(s < self._options.min_face_score), now_ns)
        ]
        self._search_at_once |= bool(refuted)
        self._lose(refuted)

    def _search_is_due(self, now_ns: int) -> bool:
        if self._search_at_once or self._searched_ns is None:
            return True
        waited = now_ns - self._searched_ns >= self._options.search_interval_ms * _MS
        return waited and len(self._tracks) < self._options.max_faces

    def _search(self, record: FrameRecord) -> dict[int, Face]:
        """Run the detector; confirm or move tracks, revive remembered ones, start new ones. Id → detected face."""
        now = record.stamp.t_ns
        self._search_at_once = False
        self._searched_ns = now
        found = list(self._detector.step(record).faces)
        pairs, left = match(self._tracks, found, now)
        fresh = {track.track_id: face for track, face in pairs if not track.has_landmarks}
        if any(not t.has_landmarks for t in self._tracks):  # nobody but the detector confirms these
            matched = {track.track_id for track, _ in pairs}
            self._lose([t for t in self._tracks if not t.has_landmarks and t.track_id not in matched])
        returning, left = match_returning(self._lost, left, now)
        room = self._options.max_faces - len(self._tracks)
        for track, face in returning[:room]:
            self._lost.remove(track)
            track.revive(face, now)
            self._tracks.append(track)
            fresh[track.track_id] = face
        return fresh | self._begin(sorted(left, key=lambda f: -prominence(f, record.size_wh)), now)

    def _begin(self, found: list[Face], now_ns: int) -> dict[int, Face]:
        """New tracks from the first of these, as there is room; the others wait for those to be refused."""
        room = self._options.max_faces - len(self._tracks)
        fresh: dict[int, Face] = {}
        for face in found[: max(room, 0)]:
            track = Track(self._next_id, face.box, now_ns)
            self._next_id += 1
            self._tracks.append(track)
            fresh[track.track_id] = face
        self._waiting = found[room : room + _AT_MOST_WAITING] if room > 0 else []
        return fresh

    def _lose(self, tracks: list[Track]) -> None:
        """Stop following these; remember those that were once confirmed, give back the ids of the others."""
        for track in sorted(tracks, key=lambda t: -t.track_id):
            self._tracks.remove(track)
            if track.confirmed:
                self._lost.append(track)
            elif track.track_id == self._next_id - 1 >= self._first_id:
                self._next_id -= 1

    def _face(self, track: Track, detected: Face | None) -> Face:
        if detected is not None:
            track.box = detected.box
            crop = region_of_detection(detected.box, detected.keypoints, REGION_PX)
            return replace(detected, track_id=track.track_id, crop=crop)
        return Face(track.box, track_id=track.track_id, crop=track.region())


def _correlation(a: Float32, b: Float32) -> float:
    """Of the grey values of two small pictures; 1 = alike up to brightness and contrast, 1 for even pictures."""
    x, y = (p.mean(axis=2).ravel() for p in (a, b))
    x, y = x - x.mean(), y - y.mean()
    length = float(np.linalg.norm(x) * np.linalg.norm(y))
    return float(x @ y) / length if length > 0 else 1.0
