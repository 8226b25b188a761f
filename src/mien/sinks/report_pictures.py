"""The report's filmstrip: moments with the strongest expressions, as picture and as character.

Pictures come from the overlay video. A landmarks-only take (or one without an overlay) has none: then the
landmarks are drawn on a dark ground, which needs no pixel of the source.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import av.error
import cv2
import numpy as np

from mien.animate.performance import performance
from mien.core.arrays import Float32, Int64, UInt8
from mien.core.record import Face, FrameRecord
from mien.core.schema import load_schema
from mien.core.timebase import NS_PER_S
from mien.errors import SinkError
from mien.sinks.overlay_drawing import DARK, Placing, draw_face
from mien.sinks.take_facts import NEUTRAL_S, TakeFacts
from mien.sinks.video_segment import TICKS_PER_S
from mien.sinks.video_segment import facts_of as video_facts
from mien.take.reader import Take

SIDE_PX = 220
_QUALITY = 82
_FINER = 4
_LEAST_DIFFERENCE = 1.0
_LEAST_SHARE = 0.4


@dataclass(slots=True)
class Moment:
    """One picture of the filmstrip.

    Attributes:
        row: number of the record in the take.
        t_ns: its stamp.
        label: what moves there.
        picture, character: data URIs, or None.
    """

    row: int
    t_ns: int
    label: str
    picture: str | None = None
    character: str | None = None


def moments_of(facts: TakeFacts, count: int = 10) -> list[Moment]:
    """At most `count` strong expressions of the main face that differ from each other, in order of time.

    First the strongest of each of `count` equally long stretches of time; where two are nearly the same, the stronger
    one, and the place goes to what else a finer division finds.
    """
    if not facts.tracks:
        return []
    track = facts.tracks[0]
    values = track.seen("action_units")
    names: Sequence[str] = load_schema("facs").names
    if not np.isfinite(values).any():
        values, names = track.seen("blendshapes") * np.float32(5), load_schema("arkit52").names
    excess = np.nan_to_num(values - _at_rest(values, track.seen_s(facts.t_ns)))
    # A blink is the strongest movement of most takes and says the least about it.
    weight = np.array([0.25 if n.startswith(("AU45", "eyeBlink")) else 1.0 for n in names], np.float32)
    shown = excess * weight
    strength = np.linalg.norm(shown, axis=1)
    times = facts.t_ns[track.rows]
    kept: list[int] = []
    for division in (count, _FINER * count):
        for i in sorted(_strongest(times, strength, division), key=lambda i: -strength[i]):
            if len(kept) < count and all(_differ(shown[i], shown[k]) for k in kept):
                kept.append(i)
    return [
        Moment(track.rows[i], int(facts.t_ns[track.rows[i]]), _label(excess[i], values[i], names)) for i in sorted(kept)
    ]


def _at_rest(values: Float32, seen_s: float) -> Float32:
    """What the face usually does, from which a moment stands out; a short look at it does not tell: zero."""
    if seen_s < NEUTRAL_S:
        return np.zeros(values.shape[1], np.float32)
    return np.array([np.median(c[np.isfinite(c)]) if np.isfinite(c).any() else 0.0 for c in values.T], np.float32)


def _strongest(times: Int64, strength: Float32, division: int) -> list[int]:
    """Places of the strongest moment in each of `division` equally long stretches that hold any."""
    limits = np.linspace(times[0], times[-1], min(division, len(times)) + 1)[1:-1]
    edges = [0, *np.searchsorted(times, limits).tolist(), len(times)]
    return [int(a + np.argmax(strength[a:b])) for a, b in pairwise(edges) if b > a]


def _differ(a: Float32, b: Float32) -> bool:
    """Whether two expressions (intensities 0–5) look different."""
    larger = max(float(np.linalg.norm(a)), float(np.linalg.norm(b)))
    return float(np.linalg.norm(a - b)) > max(_LEAST_DIFFERENCE, _LEAST_SHARE * larger)


def _label(excess: Float32, values: Float32, names: Sequence[str]) -> str:
    """The two units that stand out most, sides put together."""
    out: dict[str, float] = {}
    for i in np.argsort(-excess):
        unit = names[i].removesuffix("_L").removesuffix("_R")
        if excess[i] < 0.5 or len(out) == 2:
            break
        out[unit] = max(out.get(unit, 0.0), float(values[i]))
    return ", ".join(f"{unit} {value:.1f}" for unit, value in out.items()) or "neutral"


def fill(moments: list[Moment], take: Take, facts: TakeFacts, overlay: Path | None) -> None:
    """Add pictures and characters to the moments."""
    if not moments:
        return
    wanted = {m.row: m for m in moments}
    track = facts.tracks[0].track_id
    records = {row: record for row, record in enumerate(take.records()) if row in wanted}
    shots = {}
    if overlay is not None and take.header.pixels and overlay.is_file():
        shots = _shots(overlay, moments, int(facts.t_ns[0]))
    for row, record in records.items():
        face = next((f for f in record.faces if f.track_id == track), None)
        if face is not None:
            wanted[row].picture = _uri(_crop(record, face, shots.get(row)))
    _draw_characters(moments, take, track)


def _draw_characters(moments: list[Moment], take: Take, track: int | None) -> None:
    from mien.avatar.builtin import builtin_character
    from mien.avatar.preview import Preview

    acting = performance(take.records(), track)
    preview = Preview(builtin_character(), (SIDE_PX, SIDE_PX), 2)
    for moment in moments:
        at = int(np.searchsorted(acting.t_ns, moment.t_ns))
        if at < len(acting):
            turns = acting.head_xyzw[at], acting.left_eye_xyzw[at], acting.right_eye_xyzw[at]
            moment.character = _uri(preview.render(acting.weights[at], *turns))


def _shots(overlay: Path, moments: list[Moment], first_ns: int) -> dict[int, UInt8]:
    """Row → picture part of the overlay's frame at that time; what cannot be read is left out."""
    size = video_facts(overlay).get("picture_wh")
    out: dict[int, UInt8] = {}
    if not size:
        return out
    try:
        with av.open(str(overlay)) as container:
            stream = container.streams.video[0]
            base = stream.time_base or Fraction(1, TICKS_PER_S)
            for moment in moments:
                tick = round((moment.t_ns - first_ns) * TICKS_PER_S / NS_PER_S)
                target = round(Fraction(tick, TICKS_PER_S) / base)
                container.seek(target, stream=stream)
                for frame in container.decode(stream):
                    if frame.pts is not None and frame.pts >= target:
                        if (frame.pts - target) * base <= Fraction(1, 1000):
                            picture = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
                            out[moment.row] = picture[: size[1], : size[0]]
                        break
    except (av.error.FFmpegError, OSError):
        return out
    return out


def _crop(record: FrameRecord, face: Face, shot: UInt8 | None) -> UInt8:
    """A square around the face; without a shot, its landmarks on a dark ground."""
    if shot is None:
        w, h = record.size_wh
        scale = min(1.0, 720 / max(w, h))
        shot = np.full((max(2, round(h * scale)), max(2, round(w * scale)), 3), DARK, np.uint8)
        draw_face(shot, face, Placing.fit(record.size_wh, (shot.shape[1], shot.shape[0])), record.size_wh)
    placing = Placing.fit(record.size_wh, (shot.shape[1], shot.shape[0]))
    corners = placing.points(face.box.xyxy.reshape(2, 2))
    centre = corners.mean(axis=0)
    side = float(max(np.ptp(corners, axis=0).max() * 1.5, 16))
    scale = SIDE_PX / side
    matrix = np.array([[scale, 0, SIDE_PX / 2 - centre[0] * scale], [0, scale, SIDE_PX / 2 - centre[1] * scale]])
    mode = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    if scale < 1:
        # warpAffine does not average: shrink first, then cut.
        shot = np.asarray(cv2.resize(shot, None, fx=scale, fy=scale, interpolation=mode), np.uint8)
        matrix[:, :2] = np.eye(2)
    out = cv2.warpAffine(shot, matrix, (SIDE_PX, SIDE_PX), flags=cv2.INTER_LINEAR, borderValue=DARK)
    return np.asarray(out, np.uint8)


def _uri(rgb: UInt8) -> str:
    done, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise SinkError("report: a picture could not be encoded as JPEG")
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")
