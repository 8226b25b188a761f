"""Jitter of landmarks, unsmoothed, through the real chain with tracking: on still faces and on moving ones.

    python -m mien.lab.evaluate.jitter --stills PICTURES --clip CLIP --preset balanced --out DIR

Still: one picture again and again, every frame with fresh camera noise (and, if asked, JPEG's). Jitter = root mean
square distance of the points from their own mean over the frames, in per cent of the outer eye corners' distance.

Moving: from each point's track a smooth local polynomial (Savitzky & Golay 1964: degree 3, nine frames) is taken off;
what is left, divided by what the filter leaves of white noise, is the jitter of a point. Fast real movement (blinks,
speech) counts as jitter there: the figure is an upper bound, and comparable between methods on the same clip only.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import savgol_coeffs

from mien.core.arrays import Float32, Float64, UInt8
from mien.core.record import FrameRecord
from mien.errors import RequestError
from mien.lab.evaluate.chain import followed, frames_of, landmark_chain
from mien.lab.evaluate.degrade import compression, with_noise
from mien.lab.evaluate.landmark_run import GROUPS, group_points
from mien.sources.opening import open_source

log = logging.getLogger(__name__)

SETTLE = 5
"""First frames of a still that are left out: a face that was just found moves into its region."""
WINDOW, DEGREE = 9, 3
JPEG_QUALITY = 90
_PER_CENT = 100.0


@dataclass(frozen=True, slots=True)
class Jitter:
    """Jitter of one face, per cent of the outer eye corners' distance.

    Attributes:
        name: of the picture or the clip.
        preset: whose chain.
        frames: that were measured.
        lost: frames without landmarks.
        all: root mean square over all points and frames; NaN if nothing could be measured.
        groups: the same by group of points.
        worst: the largest of a single point.
    """

    name: str
    preset: str
    frames: int
    lost: int
    all: float
    groups: dict[str, float]
    worst: float

    def as_json(self) -> dict[str, Any]:
        """Plain data; NaN becomes None."""
        plain = {k: _none(v) for k, v in self.groups.items()}
        return {
            **{k: getattr(self, k) for k in ("name", "preset", "frames", "lost")},
            "all": _none(self.all),
            "worst": _none(self.worst),
            "groups": plain,
        }

    @classmethod
    def of_json(cls, plain: Mapping[str, Any]) -> Jitter:
        """What `as_json` wrote."""
        groups = {g: _number(v) for g, v in plain["groups"].items()}
        numbers = _number(plain["all"]), groups, _number(plain["worst"])
        return cls(plain["name"], plain["preset"], plain["frames"], plain["lost"], *numbers)


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _none(value: float) -> float | None:
    return round(value, 5) if np.isfinite(value) else None


def still_jitter(name: str, preset: str, points: Float64) -> Jitter:
    """From (T, 98, 2) points of T frames of a still face; NaN = lost. Needs two frames with landmarks."""
    known = points[np.isfinite(points).all(axis=(1, 2))]
    if len(known) < 2:
        return _judged(name, preset, points, np.full((1, 98), np.nan))
    middle = known.mean(axis=0)
    squares = ((known - middle) ** 2).sum(axis=2) * len(known) / (len(known) - 1)
    return _judged(name, preset, points, squares / _width(middle) ** 2)


def moving_jitter(name: str, preset: str, points: Float64) -> Jitter:
    """From (T, 98, 2) points of T frames of one face in a clip; only stretches without a gap of nine frames and more
    count."""
    squares = [np.zeros((0, 98))]
    gain = 1 - savgol_coeffs(WINDOW, DEGREE)[WINDOW // 2]
    for part in stretches(points):
        width = np.linalg.norm(part[:, 72] - part[:, 60], axis=1)[WINDOW // 2 : -(WINDOW // 2), None]
        squares.append((residuals(part) ** 2).sum(axis=2) / gain / width**2)
    every = np.concatenate(squares)
    return _judged(name, preset, points, every if len(every) else np.full((1, 98), np.nan))


def residuals(points: Float64) -> Float64:
    """(T - 8, 98, 2) points minus the cubic fitted to the nine frames around each."""
    kernel = savgol_coeffs(WINDOW, DEGREE)
    windows = np.lib.stride_tricks.sliding_window_view(points, WINDOW, axis=0)
    half = WINDOW // 2
    return np.asarray(points[half : len(points) - half] - windows @ kernel[::-1])


def stretches(points: Float64) -> Iterator[Float64]:
    """The runs of frames with landmarks that are at least nine long."""
    known = np.isfinite(points).all(axis=(1, 2))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], known.astype(np.int8), [0]])))
    for first, end in edges.reshape(-1, 2):
        if end - first >= WINDOW:
            yield points[first:end]


def _judged(name: str, preset: str, points: Float64, squares: Float64) -> Jitter:
    def root(values: Float64) -> float:
        return _PER_CENT * float(np.sqrt(values.mean()))

    lost = int((~np.isfinite(points).all(axis=(1, 2))).sum())
    groups = {g: root(squares[:, group_points(g)]) for g in GROUPS}
    worst = _PER_CENT * float(np.sqrt(squares.mean(axis=0).max()))
    return Jitter(name, preset, len(squares) if np.isfinite(squares).all() else 0, lost, root(squares), groups, worst)


def _width(points_xy: Float64) -> float:
    return float(np.linalg.norm(points_xy[72] - points_xy[60]))


def noisy_frames(image: UInt8, frames: int, sigma: float, *, encoded: bool = False, seed: int = 0) -> Iterator[UInt8]:
    """The picture `frames` times, each with fresh noise of `sigma` grey levels; `encoded` = and as JPEG 90."""
    rng = np.random.default_rng(seed)
    nowhere: Float32 = np.zeros((0, 2), np.float32)
    for _ in range(frames):
        noisy = with_noise(image, sigma, rng)
        yield compression(noisy, nowhere, JPEG_QUALITY, rng)[0] if encoded else noisy


def points_over_time(records: Iterable[FrameRecord]) -> Float64:
    """(T, 98, 2) points of the first face of each record; NaN where there is none."""
    nothing = np.full((98, 2), np.nan)
    rows = [r.faces[0].landmarks.xy if r.faces and r.faces[0].landmarks is not None else nothing for r in records]
    return np.asarray(rows, np.float64).reshape(-1, 98, 2)


def on_still(image: UInt8, name: str, preset: str, frames: int, sigma: float, *, encoded: bool = False) -> Jitter:
    """Jitter of the most prominent face of a picture that is shown for `frames` frames."""
    with landmark_chain(preset) as pipeline:
        shown = frames_of(noisy_frames(image, frames + SETTLE, sigma, encoded=encoded))
        points = points_over_time(followed(pipeline, shown))
    return still_jitter(name, Path(preset).stem, points[SETTLE:])


def on_clip(path: Path, preset: str) -> Jitter:
    """Jitter of the most prominent person of a clip."""
    source = open_source(path)
    try:
        with landmark_chain(preset) as pipeline:
            return moving_jitter(path.name, Path(preset).stem, points_over_time(followed(pipeline, source)))
    finally:
        source.close()


def pictures(place: Path, every: int = 1) -> Iterator[tuple[str, UInt8]]:
    """Pictures of a folder, or every so many frames of a clip, as stills."""
    source = open_source(place)
    try:
        for record in source:
            if record.stamp.index % every == 0 and record.image is not None:
                yield f"{record.stamp.source} #{record.stamp.index}", record.image
    finally:
        source.close()


def mean_of(results: Sequence[Jitter]) -> dict[str, float]:
    """Root mean square over faces: "all" and each group; faces that could not be measured are left out."""
    known = [r for r in results if np.isfinite(r.all)]
    rows = {"all": [r.all for r in known], **{g: [r.groups[g] for r in known] for g in GROUPS}}
    return {k: float(np.sqrt(np.mean(np.square(v)))) if v else float("nan") for k, v in rows.items()}


def jitter_table(results: Sequence[tuple[str, Sequence[Jitter]]]) -> str:
    """A Markdown table: (title, jitters of its faces) per row, per cent of the outer eye corners' distance."""
    lines = ["| what | faces | lost frames | all | worst face | " + " | ".join(GROUPS) + " |"]
    lines.append("|---|" + "---|" * (4 + len(GROUPS)))
    for title, own in results:
        means = mean_of(own)
        known = [r.all for r in own if np.isfinite(r.all)]
        figures = [means["all"], max(known, default=float("nan")), *(means[g] for g in GROUPS)]
        cells = [title, f"{len(known)} of {len(own)}", sum(r.lost for r in own), *(f"{v:.3f}" for v in figures)]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--stills", action="append", type=Path, default=[], help="folder of pictures, picture, or clip")
    parser.add_argument("--every", type=int, default=1, help="of a clip as stills: every so many frames")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--sigma", action="append", type=float, help="noise, grey levels; default: 0, 2 and 4")
    parser.add_argument("--clip", action="append", type=Path, default=[])
    parser.add_argument("--preset", action="append", help="default: balanced")
    parser.add_argument("--out", type=Path, help="folder for jitter.json and jitter.md")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if not options.stills and not options.clip:
        raise RequestError("name --stills or --clip")
    stills = [still for place in options.stills for still in pictures(place, options.every)]
    rows: list[tuple[str, list[Jitter]]] = []
    for preset in options.preset or ["balanced"]:
        for sigma, encoded in _noises(options.sigma or [0.0, 2.0, 4.0]) if stills else ():
            title = f"{Path(preset).stem}, still, noise {sigma:g}{', JPEG 90' if encoded else ''}"
            own = [on_still(image, name, preset, options.frames, sigma, encoded=encoded) for name, image in stills]
            rows.append((title, own))
        rows += [(f"{Path(preset).stem}, moving, {clip.name}", [on_clip(clip, preset)]) for clip in options.clip]
    log.info("%s", jitter_table(rows))
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        facts = {"kind": "jitter", "rows": [{"what": t, "faces": [r.as_json() for r in own]} for t, own in rows]}
        (options.out / "jitter.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        (options.out / "jitter.md").write_text(jitter_table(rows) + "\n", encoding="utf-8")


def _noises(sigmas: Sequence[float]) -> Iterator[tuple[float, bool]]:
    """Each noise without JPEG, and the strongest also with it."""
    for sigma in sigmas:
        yield sigma, False
    yield max(sigmas), True


if __name__ == "__main__":
    main()
