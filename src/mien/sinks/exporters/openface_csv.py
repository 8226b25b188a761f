"""Action units, pose, gaze and landmarks as a CSV that tools made for OpenFace 2.2 can read.

One row per face and frame, sorted by (frame, face_id); a frame without a face is one row with success 0.
Columns have OpenFace's names, order and digits; the eye landmarks, the 3-D landmarks and the shape parameters
are of OpenFace's own model and are left out, which its format allows. A block that nothing in the take
measured is left out too. What one face lacks is written as 0, as OpenFace does: look at `success` first. It is
1 only if all landmarks, the pose and at least one action unit were measured, as far as their stages ran; readers
expect numbers, so with success 0 the zeros mean nothing. Gaze is 0 with success 1 while the eyes are closed.

Conventions of the file (camera x right, y down, z into the scene, mm):
    gaze_0 is the eye on the left of the image (the subject's right). Looking into the camera is (0, 0, -1);
    gaze_angle_x + = to the subject's left, gaze_angle_y + = down; radians.
    pose_T is the midpoint between the eyes. pose_R: rotation = Rx · Ry · Rz of a head that is (0, 0, 0) when it
    looks straight ahead; Rx + = looks down, Ry + = turned to the subject's right, radians.
    pose_R is the head's turn in the camera's frame; the head of `livelink.csv` is turned relative to the line of
    sight instead, so that the two differ for a face beside the middle of the picture.
    confidence is the landmarks' mean confidence. AU_r is the stronger side of the unit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from mien.core.arrays import Float64
from mien.core.geometry import FRONTAL, local_rotation
from mien.core.record import Face, FrameRecord
from mien.core.schema import load_schema
from mien.core.timebase import seconds
from mien.sinks.exporters.whole_file import written_text
from mien.take.reader import Take

_HEAD = ("frame", "face_id", "timestamp", "confidence", "success")
_GAZE = (*(f"gaze_{eye}_{axis}" for eye in (0, 1) for axis in "xyz"), "gaze_angle_x", "gaze_angle_y")
_POSE = tuple(f"pose_{kind}{axis}" for kind in "TR" for axis in "xyz")
_POINTS = tuple(f"{axis}_{i}" for axis in "xy" for i in range(68))
_INTENSITIES = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45)
_PRESENCES = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 28, 45)
_UNITS = (*(f"AU{n:02d}_r" for n in _INTENSITIES), *(f"AU{n:02d}_c" for n in _PRESENCES))

_Row = Callable[[Face], Float64]


def export(take: Take, path: Path, *, track_id: int | None = None) -> list[Path]:
    """Write the CSV.

    Args:
        take: what to write.
        path: file to write.
        track_id: only this face; None = all.

    Returns:
        The file.

    Raises:
        SinkError: it cannot be written. SourceError: the take is damaged.
    """
    blocks = _blocks(take)
    with written_text(path) as file:
        file.write(",".join([*_HEAD, *(name for names, _, _ in blocks for name in names)]) + "\n")
        first_ns: int | None = None
        for record in take.records():
            if first_ns is None:
                # A camera's clock starts anywhere; a medium's own time is kept.
                first_ns = record.stamp.t_ns if record.stamp.clock == "monotonic" else 0
            for line in _lines(record, first_ns, blocks, track_id):
                file.write(line + "\n")
    return [path]


_Block = tuple[Sequence[str], Sequence[str], _Row]


def _blocks(take: Take) -> list[_Block]:
    """Column names, formats and values of each block that the take can fill; all of them if it has no face."""
    faces = pose = gaze = points = units = False
    for record in take.records():
        for face in record.faces:
            faces = True
            pose |= face.head_pose is not None
            gaze |= face.gaze is not None and face.head_pose is not None
            points |= _has_68(face)
            units |= face.action_units is not None
        if pose and gaze and points and units:
            break
    every: list[tuple[bool, _Block]] = [
        (gaze, (_GAZE, ["%.6f"] * 6 + ["%.3f"] * 2, _gaze)),
        (pose, (_POSE, ["%.1f"] * 3 + ["%.3f"] * 3, _pose)),
        (points, (_POINTS, ["%.1f"] * 136, _points)),
        (units, (_UNITS, ["%.2f"] * 35, _units)),
    ]
    return [block for there, block in every if there or not faces]


def _lines(record: FrameRecord, first_ns: int, blocks: Sequence[_Block], track_id: int | None) -> Iterator[str]:
    frame, stamp = record.stamp.index + 1, f"{seconds(record.stamp.t_ns - first_ns):.3f}"
    chosen = [
        (place if face.track_id is None else face.track_id, face)
        for place, face in enumerate(record.faces)
        if track_id is None or face.track_id == track_id
    ]
    if not chosen:
        nothing = [f % 0.0 for _, formats, _ in blocks for f in formats]
        yield ",".join([str(frame), str(track_id or 0), stamp, "0.00", "0", *nothing])
    for face_id, face in sorted(chosen, key=lambda pair: pair[0]):
        row = [str(frame), str(face_id), stamp, f"{_confidence(face):.2f}", str(int(_success(face)))]
        for _, formats, values in blocks:
            numbers = np.nan_to_num(values(face), nan=0.0, posinf=0.0, neginf=0.0)
            row += [f % v for f, v in zip(formats, (numbers + 0.0).tolist(), strict=True)]
        yield ",".join(row)


def _success(face: Face) -> bool:
    """Whether everything that should have been measured was; gaze may be hidden by a blink."""
    if face.landmarks is None or not np.isfinite(face.landmarks.xy).all():
        return False
    if face.head_pose is not None and not np.isfinite(_pose(face)).all():
        return False
    return face.action_units is None or bool(np.isfinite(face.action_units.values).any())


def _confidence(face: Face) -> float:
    value = face.box.confidence if face.landmarks is None else float(np.nanmean(face.landmarks.confidence))
    return min(max(value, 0.0), 1.0) if np.isfinite(value) else 0.0


def _has_68(face: Face) -> bool:
    return face.landmarks is not None and "ibug68" in face.landmarks.schema.groups


def _points(face: Face) -> Float64:
    if face.landmarks is None or not _has_68(face):
        return np.zeros(136)
    chosen = face.landmarks.xy[list(face.landmarks.schema.groups["ibug68"])]
    return np.asarray(chosen.T.ravel(), dtype=np.float64)


def _pose(face: Face) -> Float64:
    """T mm; angles of rotation = Rx · Ry · Rz relative to a frontal head."""
    if face.head_pose is None:
        return np.zeros(6)
    r = face.head_pose.rotation.astype(np.float64) @ FRONTAL.T
    angles = [np.arctan2(-r[1, 2], r[2, 2]), np.arcsin(np.clip(r[0, 2], -1, 1)), np.arctan2(-r[0, 1], r[0, 0])]
    return np.concatenate([face.head_pose.translation_mm.astype(np.float64), angles])


def _gaze(face: Face) -> Float64:
    if face.gaze is None or face.head_pose is None:
        return np.zeros(8)
    eyes = []
    for yaw, pitch in (face.gaze.right_yaw_pitch_deg, face.gaze.left_yaw_pitch_deg):
        eyes.append(face.head_pose.rotation.astype(np.float64) @ local_rotation(float(yaw), float(pitch))[:, 2])
    known = [e for e in eyes if np.isfinite(e).all()]
    if not known:
        return np.zeros(8)
    x, y, z = np.mean(known, axis=0)
    return np.concatenate([*eyes, [np.arctan2(x, -z), np.arctan2(y, -z)]])


def _units(face: Face) -> Float64:
    if face.action_units is None:
        return np.zeros(len(_UNITS))
    threshold = float(load_schema("facs").attributes["presence_threshold"])
    intensities = [min(max(face.action_units[f"AU{n}"], 0.0), 5.0) for n in _INTENSITIES]
    present = [float(face.action_units[f"AU{n}"] >= threshold) for n in _PRESENCES]
    return np.array([*intensities, *present])
