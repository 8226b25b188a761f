"""The strip of evidence of one event: onset, apex, the difference made larger, the flow, and the curves below."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mien.core.arrays import Float32, Float64, UInt8
from mien.core.timebase import timecode
from mien.micro.face_crop import SIDE
from mien.micro.grid import Grid
from mien.micro.regions import load_regions
from mien.micro.signals import curve_of
from mien.micro.spotter import Spotted

PANEL = 240
WIDTH, CURVES = 4 * PANEL, 250
MAGNIFIED = 8.0
_AROUND_NS = 1_200_000_000
_GROUND, _INK, _FAINT, _SPAN = (255, 255, 255), (40, 30, 26), (150, 140, 130), (214, 232, 255)
_COLOURS = ((208, 119, 31), (43, 130, 217), (72, 147, 43), (93, 61, 196), (201, 79, 123))
_LEFT, _RIGHT = 60, 12


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """The face at onset and apex, upright and of one size.

    Attributes:
        onset, apex: (SIDE, SIDE) uint8 grey.
    """

    onset: UInt8
    apex: UInt8


def draw_strip(spotted: Spotted, grid: Grid, pictures: Pictures | None) -> UInt8:
    """(H, W, 3) uint8 RGB.

    Args:
        spotted: what to show.
        grid: movement of its face.
        pictures: None = without pixels: only the curves.
    """
    parts = [_title(spotted, int(grid.t_ns[0]))]
    if pictures is not None:
        parts.append(_panels(pictures))
    parts.append(_curves(spotted, grid))
    return np.ascontiguousarray(np.concatenate(parts)[..., ::-1])


def flow_between(before: UInt8, after: UInt8) -> Float32:
    """(SIDE, SIDE, 2) px of the crop, by dense inverse search."""
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow.setFinestScale(1)
    return np.asarray(
        cv2.GaussianBlur(flow.calc(before, after, np.zeros((*before.shape, 2), np.float32)), (0, 0), 2.0),
        dtype=np.float32,
    )


def magnified(before: UInt8, flow: Float32, factor: float = MAGNIFIED) -> UInt8:
    """The picture with its movement made so many times larger, by moving its pixels."""
    rows, columns = np.mgrid[: before.shape[0], : before.shape[1]].astype(np.float32)
    x, y = columns - factor * flow[..., 0], rows - factor * flow[..., 1]
    return np.asarray(cv2.remap(before, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), dtype=np.uint8)


def _title(spotted: Spotted, zero_ns: int) -> UInt8:
    event = spotted.event
    out = np.full((46, WIDTH, 3), _GROUND, np.uint8)
    lasts = (event.offset_ns - event.onset_ns) / 1e6
    first = (
        ", ".join(filter(None, (event.kind, event.emotion)))
        + f", confidence {event.confidence:.2f}, face {event.track_id}"
    )
    times = [timecode(t - zero_ns) for t in (event.onset_ns, event.apex_ns, event.offset_ns)]
    second = f"onset {times[0]}  apex {times[1]}  offset {times[2]}  ({lasts:.0f} ms)   "
    second += "  ".join(f"{unit} {p:.2f}" for unit, p in list(spotted.units.items())[:7])
    for line, text in enumerate((first, second)):
        cv2.putText(out, text, (10, 18 + 20 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.45, _INK, 1, cv2.LINE_AA)
    return out


def _panels(pictures: Pictures) -> UInt8:
    flow = flow_between(pictures.onset, pictures.apex)
    middle = flow[SIDE // 8 : -SIDE // 8, SIDE // 8 : -SIDE // 8]
    own = flow - np.median(middle.reshape(-1, 2), axis=0)
    shown = (pictures.onset, pictures.apex, magnified(pictures.onset, own))
    names = ("onset", "apex", f"movement x {MAGNIFIED:.0f}", "flow")
    panels = [cv2.cvtColor(p, cv2.COLOR_GRAY2BGR) for p in shown] + [_coloured(own)]
    out = []
    for panel, name in zip(panels, names, strict=True):
        big = cv2.resize(panel, (PANEL, PANEL), interpolation=cv2.INTER_CUBIC)
        cv2.putText(big, name, (7, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 3, cv2.LINE_AA)
        cv2.putText(big, name, (7, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1, cv2.LINE_AA)
        out.append(big)
    return np.concatenate(out, axis=1)


def _coloured(flow: Float32) -> UInt8:
    """Hue = direction, brightness = length up to 1.5 px of the crop."""
    length, angle = cv2.cartToPolar(flow[..., 0], flow[..., 1])
    hsv = np.zeros((*flow.shape[:2], 3), np.uint8)
    hsv[..., 0] = (angle * 90 / np.pi).astype(np.uint8)
    hsv[..., 1] = 220
    hsv[..., 2] = np.clip(length / 1.5 * 255, 0, 255).astype(np.uint8)
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR), dtype=np.uint8)


def _curves(spotted: Spotted, grid: Grid) -> UInt8:
    event = spotted.event
    first, last = grid.row(event.onset_ns - _AROUND_NS), grid.row(event.offset_ns + _AROUND_NS)
    rows = slice(first, last + 1)
    out = np.full((CURVES, WIDTH, 3), _GROUND, np.uint8)
    t = grid.t_ns[rows]
    x = _LEFT + (t - t[0]) / max(int(t[-1] - t[0]), 1) * (WIDTH - _LEFT - _RIGHT)
    edges = np.interp([event.onset_ns, event.apex_ns, event.offset_ns], t, x).round().astype(int).tolist()
    cv2.rectangle(out, (edges[0], 6), (edges[2], CURVES - 26), _SPAN[::-1], -1)
    cv2.line(out, (edges[1], 6), (edges[1], CURVES - 26), _FAINT, 1)
    names = list(spotted.regions)[:3] or ["brow_inner_R", "mouth_corner_R", "mouth_corner_L"]
    energy, lids = curve_of(grid)
    moved = {n: _moved(grid, load_regions().index(n), rows) for n in names}
    series: list[tuple[str, Float64]] = [(f"{n} %", v) for n, v in moved.items()]
    series += [("lids %", lids[rows]), ("energy/10", energy[rows] / 10)]
    low, high = min(float(v.min()) for _, v in series), max(float(v.max()) for _, v in series)
    low, high = min(low, -0.5), max(high, 0.5)
    for k, (name, values) in enumerate(series):
        y = 10 + (high - values) / (high - low) * (CURVES - 46)
        line = np.stack([x, y], axis=1).round().astype(np.int32)
        cv2.polylines(out, [line], False, _COLOURS[k % len(_COLOURS)], 1, cv2.LINE_AA)
        where = (_LEFT + 4 + 180 * k, CURVES - 8)
        cv2.putText(out, name, where, cv2.FONT_HERSHEY_SIMPLEX, 0.42, _COLOURS[k % len(_COLOURS)], 1, cv2.LINE_AA)
    for value in (low, 0.0, high):
        row = int(10 + (high - value) / (high - low) * (CURVES - 46))
        cv2.putText(out, f"{value:.1f}", (6, row + 4), cv2.FONT_HERSHEY_SIMPLEX, 0.4, _FAINT, 1, cv2.LINE_AA)
    return out


def _moved(grid: Grid, region: int, rows: slice) -> Float64:
    """Movement of a region along its main direction, % of the eye distance, about its median."""
    path = grid.regions[rows, region].astype(np.float64) * 100
    path = path - np.median(path, axis=0)
    axis = np.linalg.svd(path, full_matrices=False)[2][0]
    axis = axis if axis[1] <= 0 else -axis  # up is up
    return np.asarray(path @ axis, dtype=np.float64)
