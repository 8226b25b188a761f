"""How well measured curves follow true ones, shape by shape or unit by unit: correlation, error, lag, which are dead.

Where the curves come from (a rig that performs, a phone that recorded) does not matter here. A curve of which the truth
hardly moves is not judged: nothing can be said about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from mien.core.arrays import Float64
from mien.lab.metrics.agreement import lag, mean_absolute_error, pearson_r

Verdict = Literal["follows", "weak", "dead", "never measured", "still"]
DEAD_R, FOLLOWS_R = 0.3, 0.7
"""Correlation below which a curve is dead, and from which it follows; in between it is weak."""
LEAST_MOVE = 0.1
"""A truth that spans less than this share of the scale stands still."""
MAX_LAG_MS = 400.0


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """One clip.

    Attributes:
        clip: its name.
        fps: frames per second of both.
        truth: (T, K); NaN = this frame is not judged.
        answer: (T, K); NaN = could not be measured.
    """

    clip: str
    fps: float
    truth: Float64
    answer: Float64


@dataclass(frozen=True, slots=True)
class CurveScore:
    """One curve over all clips.

    Attributes:
        name: of the shape or unit.
        r: Pearson's correlation over all frames of all clips together; 0 where the truth moves and the answer never
            does; NaN where nothing can be said.
        r_clip: mean of the clips' own correlations, over the clips in which it moves.
        mae: mean absolute error in the unit of the scale.
        lag_ms: median of the clips' lags, + = late; NaN where no clip says.
        frames: that were compared.
        measured: share of the judged frames with an answer.
        span: largest minus smallest truth.
        verdict: see the module.
    """

    name: str
    r: float
    r_clip: float
    mae: float
    lag_ms: float
    frames: int
    measured: float
    span: float
    verdict: Verdict

    def as_json(self) -> dict[str, Any]:
        """Plain data; NaN becomes None."""
        plain = {n: _plain(getattr(self, n), 4) for n in ("r", "r_clip", "mae", "measured", "span")}
        return {**plain, "lag_ms": _plain(self.lag_ms, 1), "frames": self.frames, "verdict": self.verdict}


def _plain(value: float, digits: int) -> float | None:
    return round(value, digits) if np.isfinite(value) else None


def score_curves(clips: Sequence[Curves], names: Sequence[str], full: float) -> list[CurveScore]:
    """One score per column.

    Args:
        clips: at least one, K columns each.
        names: of the K columns.
        full: largest value of the scale: 1 of shapes, 5 of action units.
    """
    return [_score(name, [_column(c, k) for c in clips], full) for k, name in enumerate(names)]


def _column(clip: Curves, k: int) -> Curves:
    return Curves(clip.clip, clip.fps, clip.truth[:, k], clip.answer[:, k])


def _score(name: str, clips: Sequence[Curves], full: float) -> CurveScore:
    truth = np.concatenate([c.truth for c in clips])
    answer = np.concatenate([c.answer for c in clips])
    judged = np.isfinite(truth)
    both = judged & np.isfinite(answer)
    span = float(np.ptp(truth[judged])) if judged.any() else 0.0
    r = pearson_r(truth[both], answer[both]).value
    moves = span >= LEAST_MOVE * full
    if moves and np.isnan(r) and both.sum() > 1 and np.ptp(truth[both]) > 0:
        r = 0.0
    moving = [c for c in clips if _span(c.truth) >= LEAST_MOVE * full and np.isfinite(c.answer).any()]
    of_clips = np.array([np.nan_to_num(pearson_r(*_paired(c)).value) for c in moving])
    late = np.array([lag(c.truth, c.answer, c.fps, MAX_LAG_MS).lag_ms for c in moving])
    late = late[np.isfinite(late)]
    return CurveScore(
        name=name,
        r=r if moves else float("nan"),
        r_clip=float(of_clips.mean()) if len(of_clips) else float("nan"),
        mae=mean_absolute_error(truth[both], answer[both]).value,
        lag_ms=float(np.median(late)) if len(late) else float("nan"),
        frames=int(both.sum()),
        measured=float(both.sum() / judged.sum()) if judged.any() else float("nan"),
        span=span,
        verdict=_verdict(r, moves, bool(both.any())),
    )


def _span(values: Float64) -> float:
    known = values[np.isfinite(values)]
    return float(np.ptp(known)) if len(known) else 0.0


def _paired(clip: Curves) -> tuple[Float64, Float64]:
    both = np.isfinite(clip.truth) & np.isfinite(clip.answer)
    return clip.truth[both], clip.answer[both]


def _verdict(r: float, moves: bool, measured: bool) -> Verdict:
    if not moves:
        return "still"
    if not measured:
        return "never measured"
    return "follows" if r >= FOLLOWS_R else "weak" if r >= DEAD_R else "dead"


def summary(scores: Iterable[CurveScore]) -> dict[str, Any]:
    """Mean correlation and error over the curves that moved and were measured; names by verdict."""
    every = list(scores)
    told = [s for s in every if s.verdict in ("follows", "weak", "dead")]
    lags = [s.lag_ms for s in told if np.isfinite(s.lag_ms) and s.verdict != "dead"]
    out: dict[str, Any] = {
        "judged": len(told),
        "mean_r": _plain(float(np.mean([s.r for s in told])), 4) if told else None,
        "mean_mae": _plain(float(np.mean([s.mae for s in told])), 4) if told else None,
        "median_lag_ms": _plain(float(np.median(lags)), 1) if lags else None,
    }
    for verdict in ("follows", "weak", "dead", "never measured", "still"):
        out[verdict.replace(" ", "_")] = [s.name for s in every if s.verdict == verdict]
    return out


def table(scores: Iterable[CurveScore], title: str) -> str:
    """One line per curve, for people."""
    lines = [f"{title:<22}{'r':>7}{'r clip':>8}{'MAE':>8}{'lag ms':>8}{'measured':>10}  verdict"]
    for s in scores:
        numbers = f"{_text(s.r, 3):>7}{_text(s.r_clip, 3):>8}{_text(s.mae, 3):>8}{_text(s.lag_ms, 0):>8}"
        share = "-" if np.isnan(s.measured) else f"{100 * s.measured:.0f} %"
        lines.append(f"{s.name:<22}{numbers}{share:>10}  {s.verdict}")
    return "\n".join(lines)


def in_words(found: dict[str, Any], what: str) -> str:
    """The summary in a few lines."""
    if not found["judged"]:
        return f"No {what} moves enough to be judged."
    head = f"{found['judged']} {what} judged: mean r {found['mean_r']:.3f}, mean absolute error {found['mean_mae']:.3f}"
    late = "" if found["median_lag_ms"] is None else f", median lag {found['median_lag_ms']:.0f} ms"
    lines = [f"{head}{late}; {len(found['follows'])} with r >= {FOLLOWS_R:g}"]
    for verdict, title in (
        ("dead", f"dead (r < {DEAD_R:g})"),
        ("never_measured", "never measured"),
        ("still", "still"),
    ):
        if found[verdict]:
            lines.append(f"{title}: {', '.join(found[verdict])}")
    return "\n".join(lines)


def _text(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if np.isfinite(value) else "-"
