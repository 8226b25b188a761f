"""Binary messages: one per frame, from the server to a page; and pictures of a browser's camera, the other way.

A frame, little-endian, every number on a multiple of its size, so that a page looks at it without copying:

    bytes   0-3    uint32   0x4E45494D ("MIEN")
            4      uint8    version of this layout: 3
            5      uint8    flags: 1 = a picture follows, 2 = the followed face is seen now, 4 = weights without the
                            person's profile follow
            6      uint8    number of faces F
            7      uint8    0
            8-15   float64  when it was captured, ms of the server's clock
            16-23  float64  when it was packed, ms
            24-27  uint32   number of the frame in its source
            28-31  uint32   frames left out so far, to stay live
            32-35  uint16×2 width and height of the source's frames, px
            36-39  uint32   bytes of the picture P
            40-43  float32  frames per second, NaN = not known yet
            44-47  int32    track id of the followed face
            48-315 float32×67  the signal: 52 weights (schema "arkit52"), head x y z w, left eye x y z w,
                            right eye x y z w, head place in mm x y z (`mien.animate.signal`)
    then F times `FACE_FLOATS` float32 (schemas "facs" with U entries, "wflw98", "expression8"); NaN = not
    measured:
            track id, confidence of the box, left, top, right, bottom in px,
            yaw, pitch, roll in degrees,
            head axes in the picture in px: origin x y, ends of x, y and z axis x y,
            gaze of left and right eye: yaw, pitch, yaw, pitch in degrees,
            U intensities 0-5, U confidences 0-1, 98 points x y in px, 98 confidences 0-1,
            8 expressions 0-1, valence and arousal -1-1 (`mien.expression.affect`)
    then, with flag 4, 52 float32: the weights of the followed face as read without the profile
    then P bytes of JPEG.

A picture of a browser's camera: float64 capture time in ms of the server's clock (0 = now), then a JPEG.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from mien.animate.signal import FaceSignal
from mien.core.arrays import Float32
from mien.core.geometry import default_camera
from mien.core.record import Face, FrameRecord
from mien.core.schema import load_schema
from mien.expression.affect import valence_arousal

MAGIC, VERSION = 0x4E45494D, 3
PICTURE, SEEN, PLAIN = 1, 2, 4
HEAD = struct.Struct("<IBBBxddIIHHIfi")
UNITS, POINTS, MOODS = len(load_schema("facs")), len(load_schema("wflw98")), len(load_schema("expression8"))
SIGNAL_FLOATS = 67
FACE_FLOATS = 2 + 4 + 3 + 8 + 4 + 2 * UNITS + 3 * POINTS + MOODS + 2
MOST_FACES = 64
CAMERA_HEAD = struct.Struct("<d")
_AXIS_MM = 60.0


@dataclass(frozen=True, slots=True, eq=False)
class FrameNews:
    """What is said of a frame beside its record and signal.

    Attributes:
        captured_ms, packed_ms: see the layout.
        dropped: frames left out so far.
        fps: frames per second; NaN = not known yet.
        picture: JPEG, empty = none.
        plain: (52,) float32 weights without the person's profile; None = not read.
    """

    captured_ms: float
    packed_ms: float
    dropped: int
    fps: float
    picture: bytes = b""
    plain: Float32 | None = None


def pack_frame(record: FrameRecord, signal: FaceSignal, news: FrameNews) -> bytes:
    """One binary message."""
    faces = record.faces[:MOST_FACES]
    flags = (PICTURE if news.picture else 0) | (SEEN if signal.found else 0) | (0 if news.plain is None else PLAIN)
    head = HEAD.pack(
        MAGIC,
        VERSION,
        flags,
        len(faces),
        news.captured_ms,
        news.packed_ms,
        record.stamp.index & 0xFFFFFFFF,
        news.dropped & 0xFFFFFFFF,
        *(min(s, 0xFFFF) for s in record.size_wh),
        len(news.picture),
        news.fps,
        signal.track_id,
    )
    parts = (signal.weights, signal.head_xyzw, signal.left_eye_xyzw, signal.right_eye_xyzw, signal.head_mm)
    out = [head, *(p.astype("<f4").tobytes() for p in parts)]
    out += [_face_row(face, record.size_wh).astype("<f4").tobytes() for face in faces]
    if news.plain is not None:
        out.append(news.plain.astype("<f4").tobytes())
    return b"".join([*out, news.picture])


def _face_row(face: Face, size_wh: tuple[int, int]) -> Float32:
    row = np.full(FACE_FLOATS, np.nan, np.float32)
    row[0] = -1 if face.track_id is None else face.track_id
    row[1] = face.box.confidence
    row[2:6] = face.box.xyxy
    if face.head_pose is not None:
        row[6:9] = face.head_pose.yaw_pitch_roll_deg
        row[9:17] = _axes(face, size_wh)
    if face.gaze is not None:
        row[17:19], row[19:21] = face.gaze.left_yaw_pitch_deg, face.gaze.right_yaw_pitch_deg
    at = 21
    if face.action_units is not None:
        row[at : at + UNITS] = face.action_units.values
        row[at + UNITS : at + 2 * UNITS] = face.action_units.confidence
    at += 2 * UNITS
    if face.landmarks is not None and face.landmarks.schema.name == "wflw98":
        row[at : at + 2 * POINTS] = face.landmarks.xy.reshape(-1)
        row[at + 2 * POINTS : at + 3 * POINTS] = face.landmarks.confidence
    if face.expression is not None:
        at += 3 * POINTS
        read = dict(zip(face.expression.names, face.expression.values, strict=True))
        row[at : at + MOODS] = [read.get(name, np.nan) for name in load_schema("expression8").names]
        row[at + MOODS :] = valence_arousal(face.expression)
    return row


def _axes(face: Face, size_wh: tuple[int, int]) -> Float32:
    """(8,) px: origin and ends of the head's axes; NaN where they cannot be seen."""
    pose = face.head_pose
    assert pose is not None
    ends = np.vstack([np.zeros(3), np.eye(3) * _AXIS_MM]) @ pose.rotation.astype(np.float64).T + pose.translation_mm
    if not np.isfinite(ends).all() or (ends[:, 2] < 1.0).any():
        return np.full(8, np.nan, np.float32)
    projected = ends @ default_camera(size_wh).T
    xy: Float32 = (projected[:, :2] / projected[:, 2:]).astype(np.float32).reshape(-1)
    return xy
