"""A sheet of what a character can do: at rest, each of the 52 shapes, and faces made of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mien.avatar.character import SHAPES, Character
from mien.avatar.preview import Preview
from mien.core.arrays import Float32, UInt8
from mien.core.geometry import local_rotation, quaternion_from_rotation

_TILE_PX = 176
_DRAWN_PX = 500
_LOOK_DEG = 25.0
_LABEL_PX = 30
_COLUMNS = 8
_INK, _FAINT, _GROUND = (235, 238, 245), (150, 158, 174), (24, 28, 37)
_WARN = (240, 170, 90)
_TOGETHER: Mapping[str, Mapping[str, float]] = {
    "both lids": {"eyeBlinkLeft": 1, "eyeBlinkRight": 1},
    "smile": {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8, "cheekSquintLeft": 0.6, "cheekSquintRight": 0.6},
    "frown": {"mouthFrownLeft": 0.8, "mouthFrownRight": 0.8, "browInnerUp": 0.7},
    "brows up": {
        "browInnerUp": 0.8,
        "browOuterUpLeft": 0.8,
        "browOuterUpRight": 0.8,
        "eyeWideLeft": 0.6,
        "eyeWideRight": 0.6,
    },
    "brows down": {"browDownLeft": 0.9, "browDownRight": 0.9, "eyeSquintLeft": 0.5, "eyeSquintRight": 0.5},
    "lips closed, jaw open": {"jawOpen": 0.5, "mouthClose": 0.5},
    "ooh": {"mouthPucker": 0.8, "jawOpen": 0.15},
    "nose": {"noseSneerLeft": 0.9, "noseSneerRight": 0.9, "mouthUpperUpLeft": 0.5, "mouthUpperUpRight": 0.5},
}


def shape_sheet(character: Character, notes: Mapping[str, str] | None = None) -> UInt8:
    """(H, W, 3) uint8 RGB: a tile per shape with its name and, in another colour, a note; then faces of several.

    A tile whose picture is that of the rest is marked "nothing moves".
    """
    notes = notes or {}
    tiles: list[tuple[str, str, Float32]] = [("at rest", "", np.zeros(len(SHAPES), np.float32))]
    tiles += [
        (n, notes.get(n, ""), weights_of({n: 1.0, **({"jawOpen": 1.0} if n == "mouthClose" else {})}))
        for n in SHAPES.names
    ]
    tiles += [(n, "", weights_of(parts)) for n, parts in _TOGETHER.items()]
    preview = Preview(character, (_DRAWN_PX, _DRAWN_PX), 1)
    pictures = [_cut(preview.render(w, None, *_looking(w))) for _, _, w in tiles]
    labels = []
    for (name, note, weights), picture in zip(tiles, pictures, strict=True):
        still = weights.any() and float(np.abs(picture.astype(np.int16) - pictures[0]).max()) < 4
        labels.append((name, note or ("nothing moves" if still else "")))
    return tiled(pictures, labels, _COLUMNS)


def _cut(picture: UInt8) -> UInt8:
    """The face in the middle, as a tile."""
    side = 2 * _TILE_PX
    x, y = (_DRAWN_PX - side) // 2, (_DRAWN_PX - side) // 2 + _DRAWN_PX // 40
    small = Image.fromarray(picture[y : y + side, x : x + side]).resize((_TILE_PX, _TILE_PX), Image.Resampling.BOX)
    out: UInt8 = np.asarray(small, np.uint8)
    return out


def _looking(weights: Float32) -> list[Float32]:
    """(4,) turns of the left and the right eye that the eyeLook shapes ask for."""
    out = []
    for side, outward in (("Left", 1.0), ("Right", -1.0)):
        down, inward, away, up = (weights[SHAPES.index(f"eyeLook{d}{side}")] for d in ("Down", "In", "Out", "Up"))
        yaw, pitch = _LOOK_DEG * outward * float(away - inward), _LOOK_DEG * float(up - down)
        out.append(quaternion_from_rotation(local_rotation(yaw, pitch)))
    return out


def weights_of(shapes: Mapping[str, float]) -> Float32:
    """(52,) of a few named weights."""
    out = np.zeros(len(SHAPES), np.float32)
    for name, value in shapes.items():
        out[SHAPES.index(name)] = value
    return out


def tiled(pictures: Sequence[UInt8], labels: Sequence[tuple[str, str]], columns: int) -> UInt8:
    """Pictures of one size in rows, each above its name and note."""
    h, w = pictures[0].shape[:2]
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * w, rows * (h + _LABEL_PX)), _GROUND)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=12)
    for place, (picture, (name, note)) in enumerate(zip(pictures, labels, strict=True)):
        x, y = place % columns * w, place // columns * (h + _LABEL_PX)
        sheet.paste(Image.fromarray(picture), (x, y))
        draw.text((x + 4, y + h + 1), _short(name), fill=_INK, font=font)
        if note:
            draw.text((x + 4, y + h + 15), _short(note), fill=_WARN if note == "nothing moves" else _FAINT, font=font)
    out: UInt8 = np.asarray(sheet, np.uint8)
    return out


def _short(text: str) -> str:
    plain = text.encode("ascii", "replace").decode()
    return plain if len(plain) <= 28 else plain[:26] + "..."
