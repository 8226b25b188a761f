"""Drawing what was found in a frame: text, boxes, landmarks, head axes, gaze. Sizes follow the picture's size.

All coordinates here are px of the picture that is drawn into; `Placing` takes them there from the source image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float32, Float64, UInt8
from mien.core.geometry import default_camera, local_rotation
from mien.core.measures import Landmarks
from mien.core.record import Face

Colour = tuple[int, int, int]

INK: Colour = (236, 240, 246)
DARK: Colour = (16, 19, 26)
PERSONS: tuple[Colour, ...] = ((94, 200, 255), (255, 176, 74), (168, 222, 110), (232, 136, 230), (255, 122, 112))
AXES: tuple[Colour, ...] = ((255, 92, 92), (104, 222, 112), (92, 150, 255))
"""Head axes x (subject's left), y (up), z (out of the face)."""

_LINES = (
    ("contour", False),
    ("right_brow", True),
    ("left_brow", True),
    ("nose_bridge", False),
    ("nose_base", False),
    ("right_eye", True),
    ("left_eye", True),
    ("outer_lip", True),
    ("inner_lip", True),
)
_SHIFT = 4
_AXIS_MM = 60.0
_GAZE_EYE_DISTANCES = 0.9
_RAMP = np.array([[255, 84, 84], [255, 190, 70], [120, 240, 170]], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Placing:
    """Where the source image lies in the picture: scaled to fit, centred.

    Attributes:
        scale: picture px per source px.
        offset_xy: picture px of the source image's left top corner.
        size_wh: size of the scaled source image, px.
    """

    scale: float
    offset_xy: tuple[int, int]
    size_wh: tuple[int, int]

    @classmethod
    def fit(cls, source_wh: tuple[int, int], picture_wh: tuple[int, int]) -> Placing:
        """The largest placing that keeps the aspect."""
        scale = min(picture_wh[0] / source_wh[0], picture_wh[1] / source_wh[1])
        w, h = (min(p, max(1, round(s * scale))) for s, p in zip(source_wh, picture_wh, strict=True))
        return cls(scale, ((picture_wh[0] - w) // 2, (picture_wh[1] - h) // 2), (w, h))

    def points(self, xy: npt.ArrayLike) -> Float64:
        """(..., 2) source px → picture px; pixel centres are at integers in both."""
        there = (np.asarray(xy, dtype=np.float64) + 0.5) * self.scale - 0.5 + self.offset_xy
        return np.asarray(there, dtype=np.float64)


def line_px(picture: UInt8) -> int:
    """Thickness of a thin line in a picture of this size."""
    return max(1, round(min(picture.shape[:2]) / 540))


def text_px(picture: UInt8) -> float:
    """Height of small text in a picture of this size: never below what can be read."""
    return max(11.0, min(picture.shape[:2]) / 34)


def draw_text(picture: UInt8, xy: tuple[float, float], text: str, height_px: float, colour: Colour = INK) -> int:
    """Write `text` with its left top corner at `xy`; returns its width, px."""
    x, y = round(xy[0]), round(xy[1])
    for character in text:
        mask = _glyph(character, round(height_px * 2) / 2)
        h, w = mask.shape[:2]
        x0, y0, x1, y1 = max(0, x), max(0, y), min(picture.shape[1], x + w), min(picture.shape[0], y + h)
        if x1 > x0 and y1 > y0:
            part = picture[y0:y1, x0:x1]
            alpha = mask[y0 - y : y1 - y, x0 - x : x1 - x]
            part[:] = part + alpha * (np.asarray(colour, np.float32) - part)
        x += w
    return x - round(xy[0])


def text_width(text: str, height_px: float) -> int:
    """Width of `text`, px."""
    return sum(_glyph(c, round(height_px * 2) / 2).shape[1] for c in text)


@lru_cache(maxsize=1024)
def _glyph(character: str, height_px: float) -> Float32:
    """(h, w, 1) coverage 0–1: drawn four times larger and averaged, which OpenCV's strokes need to look good."""
    font, factor = cv2.FONT_HERSHEY_DUPLEX, 4
    size = height_px * factor / 30.0
    thick = max(1, round(height_px * factor / 13))
    shown = character if character.isascii() else "?"
    wide = "0" if character.isdigit() else shown  # digits keep their place while a clock runs
    (w, _), _ = cv2.getTextSize(wide, font, size, thick)
    canvas = np.zeros((round(height_px * 1.3) * factor, max(factor, round(w / factor) * factor)), np.uint8)
    cv2.putText(canvas, shown, (0, round(height_px * factor)), font, size, (255,), thick, cv2.LINE_AA)
    small = cv2.resize(canvas, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA)
    return small.astype(np.float32)[..., None] / np.float32(255)


def shade(picture: UInt8, xyxy: tuple[float, float, float, float], colour: Colour = DARK, alpha: float = 0.62) -> None:
    """Lay a translucent rectangle over a part of the picture."""
    x0, y0 = max(0, round(xyxy[0])), max(0, round(xyxy[1]))
    part = picture[y0 : max(0, round(xyxy[3])), x0 : max(0, round(xyxy[2]))]
    if part.size:
        part[:] = cv2.addWeighted(part, 1 - alpha, np.full_like(part, colour), alpha, 0)


def chip(picture: UInt8, xy: tuple[float, float], text: str, colour: Colour = INK) -> None:
    """A label on a translucent ground, its left top corner at `xy`."""
    height = text_px(picture)
    pad = height * 0.45
    x, y = round(xy[0]), round(xy[1])
    shade(picture, (x, y, x + text_width(text, height) + 2 * pad, y + height * 1.3 + pad))
    draw_text(picture, (x + pad, y + pad * 0.7), text, height, colour)


def person_colour(track_id: int | None) -> Colour:
    """A colour per track."""
    return INK if track_id is None else PERSONS[track_id % len(PERSONS)]


def draw_face(picture: UInt8, face: Face, placing: Placing, source_wh: tuple[int, int]) -> None:
    """Draw one face into the RGB picture."""
    colour = person_colour(face.track_id)
    _draw_box(picture, placing.points(face.box.xyxy.reshape(2, 2)).ravel(), colour)
    if face.landmarks is not None:
        _draw_landmarks(picture, face.landmarks, placing)
    _draw_gaze(picture, face, placing)
    _draw_axes(picture, face, placing, source_wh)
    box = placing.points(face.box.xyxy.reshape(2, 2)).ravel()
    label = f"id {face.track_id}" if face.track_id is not None else f"{face.box.confidence:.2f}"
    height = text_px(picture)
    y = box[1] - height * 2.1 if box[1] > height * 2.1 else box[1] + height * 0.5
    room = picture.shape[1] - text_width(label, height) - height
    chip(picture, (float(np.clip(box[0], 0, max(0.0, room))), y), label, colour)


def _fixed(points: npt.ArrayLike | Sequence[Sequence[float] | Float64]) -> npt.NDArray[np.int32]:
    """Sub-pixel positions as OpenCV's fixed-point numbers."""
    clipped = np.clip(np.array(points, dtype=np.float64), -1e5, 1e5)
    return np.asarray(np.round(clipped * (1 << _SHIFT)), dtype=np.int32)


def _draw_line(picture: UInt8, points: Sequence[Sequence[float] | Float64], colour: Colour, px: int) -> None:
    cv2.polylines(picture, [_fixed(points)], False, colour, px, cv2.LINE_AA, _SHIFT)


def _draw_box(picture: UInt8, xyxy: Float64, colour: Colour) -> None:
    """Only the corners: the face stays free."""
    x0, y0, x1, y1 = xyxy
    arm = 0.16 * min(x1 - x0, y1 - y0)
    for x, y, dx, dy in ((x0, y0, arm, arm), (x1, y0, -arm, arm), (x1, y1, -arm, -arm), (x0, y1, arm, -arm)):
        _draw_line(picture, [(x + dx, y), (x, y), (x, y + dy)], colour, 1 + line_px(picture))


def _draw_landmarks(picture: UInt8, landmarks: Landmarks, placing: Placing) -> None:
    xy = placing.points(landmarks.xy)
    known = np.isfinite(xy).all(axis=1)
    px = line_px(picture)
    for group, closed in _LINES:
        index = list(landmarks.schema.groups.get(group, ()))
        if index and known[index].all():
            cv2.polylines(picture, [_fixed(xy[index])], closed, (206, 220, 236), px, cv2.LINE_AA, _SHIFT)
    if not known.any():
        return
    extent = float(np.ptp(xy[known], axis=0).max())
    radius = round(float(np.clip(extent / 150, 1.0, 4.0 * px)) * (1 << _SHIFT))
    colours = _confidence_colours(landmarks.confidence)
    for (x, y), colour in zip(_fixed(xy[known]).tolist(), colours[known].tolist(), strict=True):
        cv2.circle(picture, (x, y), radius, colour, -1, cv2.LINE_AA, _SHIFT)


def _confidence_colours(confidence: Float32) -> Float64:
    """(N, 3) red at 0, amber at 0.5, green at 1."""
    at = np.clip(np.nan_to_num(confidence), 0, 1)
    return np.column_stack([np.interp(at, [0, 0.5, 1], _RAMP[:, k]) for k in range(3)])


def _draw_gaze(picture: UInt8, face: Face, placing: Placing) -> None:
    if face.gaze is None or face.head_pose is None or face.landmarks is None:
        return
    pupils = face.landmarks.schema.groups.get("pupils")
    if not pupils:
        return
    at = placing.points(face.landmarks.xy[list(pupils)])
    length = float(np.hypot(*(at[1] - at[0]))) * _GAZE_EYE_DISTANCES
    eyes = (face.gaze.right_yaw_pitch_deg, face.gaze.left_yaw_pitch_deg)
    for start, (yaw, pitch) in zip(at, eyes, strict=True):
        direction = face.head_pose.rotation @ local_rotation(float(yaw), float(pitch))[:, 2]
        end = start + direction[:2] * length
        if np.isfinite([*start, *end]).all():
            _draw_line(picture, [start, end], (255, 236, 140), 1 + line_px(picture) // 2)


def _draw_axes(picture: UInt8, face: Face, placing: Placing, source_wh: tuple[int, int]) -> None:
    pose = face.head_pose
    if pose is None or not np.isfinite([*pose.translation_mm, *pose.rotation.ravel()]).all():
        return
    ends = np.vstack([np.zeros(3), np.eye(3) * _AXIS_MM]) @ pose.rotation.astype(np.float64).T + pose.translation_mm
    if (ends[:, 2] < 1.0).any():
        return
    projected = ends @ default_camera(source_wh).T
    xy = placing.points(projected[:, :2] / projected[:, 2:])
    for k in sorted(range(3), key=lambda k: -float(ends[k + 1, 2])):
        tip = _fixed(xy[k + 1])
        _draw_line(picture, [xy[0], xy[k + 1]], AXES[k], 1 + line_px(picture))
        cv2.circle(picture, tip.tolist(), (2 + line_px(picture)) << _SHIFT, AXES[k], -1, cv2.LINE_AA, _SHIFT)
