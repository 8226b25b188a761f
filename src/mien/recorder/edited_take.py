"""A take as it is after its edits: the same records with other weights. The file of the take is only read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from mien.animate.edits import Curves, Edits, Trim, edited
from mien.core.arrays import Float32
from mien.core.measures import Blendshapes, Box, Gaze, HeadPose
from mien.core.record import Face, FrameRecord
from mien.errors import RequestError, SinkError, SourceError
from mien.take.reader import Take

EDITS_FILE = "take.edits.json"
MOST_BYTES = 4 * 1024 * 1024
_FLIP: Float32 = np.diag([-1, 1, 1]).astype(np.float32)


def edits_path(take: Take) -> Path:
    """Where the edits of a take are kept: beside it."""
    return take.path.parent / EDITS_FILE


def read_edits(take: Take) -> Edits:
    """The edits of a take; none if nothing was edited yet.

    Raises:
        SourceError: the file is damaged, or belongs to another take.
    """
    first = next(iter(take.records()), None)
    none = Edits(frames=len(take), first_ns=0 if first is None else first.stamp.t_ns)
    path = edits_path(take)
    if not path.exists():
        return none
    try:
        if path.stat().st_size > MOST_BYTES:
            raise SourceError(f"{path}: larger than {MOST_BYTES} bytes, which no list of edits is")
        edits = Edits.model_validate_json(path.read_bytes())
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValidationError as error:
        raise SourceError(f"{path} is no list of edits ({error.errors()[0]['msg']}): move it away") from None
    if (edits.frames, edits.first_ns) != (none.frames, none.first_ns):
        raise SourceError(f"{path} belongs to another take: move it away")
    return edits


def write_edits(take: Take, edits: Edits) -> None:
    """Keep the edits of a take.

    Raises:
        RequestError: they are not those of this take, or name an unknown shape.
        SinkError: the file cannot be written.
    """
    now = read_edits(take)
    if (edits.frames, edits.first_ns) != (now.frames, now.first_ns):
        raise RequestError("these edits belong to another take")
    if edits.done > len(edits.operations):
        raise RequestError(f"{edits.done} edits done of {len(edits.operations)}")
    check_edits(edits)
    path = edits_path(take)
    try:
        part = path.with_name(f"{path.name}.tmp")
        part.write_text(edits.model_dump_json(indent=1) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise SinkError(f"{path} cannot be written: {error.strerror or error}") from error


def check_edits(edits: Edits) -> None:
    """Whether the edits can be done.

    Raises:
        RequestError: a shape that does not exist.
    """
    nothing = Curves(np.zeros(1, np.int64), np.full((1, 52), np.nan, np.float32), np.ones(1, bool))
    try:
        edited(nothing, edits.operations, None)
        for operation in edits.operations:
            edited(nothing, [operation], operation.track_id)
    except KeyError as error:
        raise RequestError(f"an edit cannot be done: {error.args[0]}") from None


def curves_of(take: Take, track_id: int | None) -> Curves:
    """The curves of one track as they were measured; a frame without the face is a gap.

    Raises:
        SourceError: the take is damaged.
    """
    stamps: list[int] = []
    rows: list[Float32] = []
    nothing = np.full(52, np.nan, np.float32)
    for record in take.records():
        stamps.append(record.stamp.t_ns)
        face = next((f for f in record.faces if f.track_id == track_id), None)
        rows.append(nothing if face is None or face.blendshapes is None else face.blendshapes.values)
    weights = np.stack(rows) if rows else np.zeros((0, 52), np.float32)
    return Curves(np.array(stamps, np.int64), weights, np.ones(len(stamps), bool))


class EditedTake(Take):
    """A take whose records are those after the edits; everything that takes a `Take` takes this one.

    Args:
        take: is only read.
        edits: of this take.
    """

    def __init__(self, take: Take, edits: Edits) -> None:
        self._operations = edits.current
        trims = [o for o in self._operations if isinstance(o, Trim)]
        self._start_ns = max((o.start_ns for o in trims), default=None)
        self._end_ns = min((o.end_ns for o in trims), default=None)
        frames = sum(map(self._keeps, (r.stamp.t_ns for r in take.records()))) if trims else len(take)
        super().__init__(take.path, take._files, take.header, replace(take.summary, frames=frames))
        self._raw = take

    def records(self) -> Iterator[FrameRecord]:
        """All kept records in order, edited. Holds the weights of every track in memory, 208 bytes a frame."""
        tracks = {t: edited(curves_of(self._raw, t), self._operations, t) for t in self._raw.track_ids()}
        for row, record in enumerate(self._raw.records()):
            if self._keeps(record.stamp.t_ns):
                yield _edited_record(record, row, tracks)

    def _keeps(self, t_ns: int) -> bool:
        after = self._start_ns is None or t_ns >= self._start_ns
        return after and (self._end_ns is None or t_ns <= self._end_ns)


def _edited_record(record: FrameRecord, row: int, tracks: dict[int, Curves]) -> FrameRecord:
    faces = []
    for face in record.faces:
        curves = None if face.track_id is None else tracks.get(face.track_id)
        if curves is not None:
            if curves.mirrored:
                face = mirrored(face, record.size_wh[0])  # noqa: PLW2901
            if face.blendshapes is not None:
                face = replace(  # noqa: PLW2901
                    face, blendshapes=Blendshapes.of(curves.weights[row], face.blendshapes.confidence)
                )
        faces.append(face)
    return replace(record, faces=tuple(faces))


def mirrored(face: Face, width_px: int) -> Face:
    """The same face in the picture flipped left to right; how it was cropped is forgotten."""
    left, top, right, bottom = face.box.xyxy.tolist()
    box = Box(np.array([width_px - 1 - right, top, width_px - 1 - left, bottom], np.float32), face.box.confidence)
    pose, gaze = face.head_pose, face.gaze
    if pose is not None:
        turned = _FLIP @ pose.rotation @ _FLIP
        pose = HeadPose(turned, _FLIP @ pose.translation_mm, pose.reprojection_px, pose.confidence)
    if gaze is not None:
        flip = np.array([-1, 1], np.float32)
        gaze = Gaze(gaze.right_yaw_pitch_deg * flip, gaze.left_yaw_pitch_deg * flip, gaze.confidence[::-1])
    return replace(
        face,
        box=box,
        crop=None,
        keypoints=None if face.keypoints is None else face.keypoints.mirrored(width_px),
        landmarks=None if face.landmarks is None else face.landmarks.mirrored(width_px),
        head_pose=pose,
        gaze=gaze,
        action_units=None if face.action_units is None else face.action_units.mirrored(),
        blendshapes=None if face.blendshapes is None else face.blendshapes.mirrored(),
    )
