"""How far a take can be trusted, in words: warnings are reasons for doubt, notes are not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from mien.core.arrays import Float32
from mien.core.text import counted
from mien.core.timebase import NS_PER_S, timecode
from mien.sinks.take_facts import NEUTRAL_S, TakeFacts, facts_of
from mien.take.reader import Take
from mien.take.stored_config import PROFILE

FAST_HZ, SMOOTH_HZ = 50.0, 24.0
TURNED_DEG = 30.0
BLURRED = 30.0
SMALL_PX = 80.0
DARK, BRIGHT = 50.0, 215.0
UNMEASURED = 0.05
FEW_FRAMES = 10
"""Fewer say nothing about a frame rate."""
MOST_LOST, NEARLY_ALL_DARK = 0.5, 0.8
"""Shares of frames without a face, and of dark ones among those with it, beyond which a take is of hardly any use."""
BUILTIN = ("synthetic", "builtin")
"""Kind and name of the built-in clip as a source."""
GAP_NS = 100_000_000
UNEVEN = 0.5


@dataclass(slots=True)
class Judgement:
    """What to say about a take.

    Attributes:
        warnings: what to know before trusting it, one sentence each; empty = nothing stands out.
        notes: what is good to know.
        frames_with_face: records with at least one face.
        track_frames: track id → records.
    """

    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    frames_with_face: int = 0
    track_frames: dict[int, int] = field(default_factory=dict)


def judged(take: Take) -> Judgement:
    """Read a take and judge it.

    Raises:
        SourceError: the take is damaged.
    """
    return judgement(facts_of(take), take)


def judgement(facts: TakeFacts, take: Take) -> Judgement:
    """The same for a take whose facts are known."""
    rows = {t.track_id: len(t.rows) for t in facts.tracks if t.track_id is not None}
    return Judgement(_warnings(facts, take), _notes(facts, take), int((facts.faces > 0).sum()), rows)


def _warnings(facts: TakeFacts, take: Take) -> list[str]:
    out = []
    summary = take.summary
    if summary.state != "complete":
        how = "failed" if summary.state == "failed" else f"was {summary.state}"
        out.append(f"The capture {how}" + (f": {summary.problem}" if summary.problem else "") + ".")
    if len(facts.t_ns) == 0:
        return [*out, "The take has no frames."]
    out += _low_rate(facts)
    if take.header.source.kind not in ("images", "photo"):  # their times are made up
        out += _gaps(facts)
    if facts.found == 0:
        frames = len(facts.faces)
        where = "the one frame" if frames == 1 else f"any of the {frames:,} frames"
        return [*out, f"No face was found in {where}."]
    return [
        *_worthless(facts),
        *out,
        *_lost(facts),
        *_ids(facts),
        *_unmeasured(facts),
        *([] if _calibrated(take) else _neutral(facts)),
        *_seeing(facts),
    ]


def _worthless(facts: TakeFacts) -> list[str]:
    """What outweighs everything else that is said about a take."""
    frames = len(facts.faces)
    out = []
    if frames >= 3 and facts.found < MOST_LOST:
        out.append(
            f"This take is hardly of use: a face was found in {counted(int((facts.faces > 0).sum()), 'frame')} of "
            f"{frames:,} only. Everything below is about these few."
        )
    if frames > 1 and facts.tracks and (share := _dark_share(facts)) > NEARLY_ALL_DARK:
        out.append(
            f"This take is hardly of use: the face is dark in {share:.0%} of its frames. Points and expressions are "
            "less exact than in light, small movements are lost in the noise: light it from the front and record again."
        )
    return out


def _dark_share(facts: TakeFacts) -> float:
    brightness = facts.tracks[0].seen("quality")[:, 1]
    return _share(brightness < DARK, brightness)


def _notes(facts: TakeFacts, take: Take) -> list[str]:
    if facts.found == 0 or _worthless(facts):
        return []
    out, rate = [], facts.rate_hz
    if len(facts.t_ns) >= FEW_FRAMES and SMOOTH_HZ - 0.5 <= rate < FAST_HZ - 0.5:
        out.append(
            f"{rate:.2f} frames per second: enough for expressions; micro-expressions need {FAST_HZ:.0f} or more."
        )
    source = take.header.source
    if (source.kind, source.name) == BUILTIN and np.isfinite(facts.tracks[0].seen("expression")).any():
        out.append(
            "The portrait of the built-in clip smiles a little also at rest, and the expression network, which knows "
            "nobody's rest, calls that happiness. Action units are measured against the rest that they learn."
        )
    return out


def _low_rate(facts: TakeFacts) -> list[str]:
    if len(facts.t_ns) < FEW_FRAMES or facts.rate_hz >= SMOOTH_HZ - 0.5:
        return []
    return [f"Low frame rate ({facts.rate_hz:.1f} frames per second): blinks and other fast movements can be missed."]


def _gaps(facts: TakeFacts) -> list[str]:
    """Moments without frames, in which anything may have happened; else a rate that truly varies."""
    if len(facts.t_ns) < FEW_FRAMES:
        return []
    steps = np.diff(facts.t_ns).astype(np.float64)
    usual = float(np.median(steps[steps > 0])) if (steps > 0).any() else 0.0
    missing = np.flatnonzero(steps > max(3 * usual, GAP_NS))
    if len(missing):
        longest = int(np.argmax(steps))
        return [
            f"Frames are missing: {counted(len(missing), 'gap')}, the longest of {steps[longest] / 1e6:.0f} ms "
            f"at {timecode(int(facts.t_ns[longest] - facts.t_ns[0]))}; what happened there was not seen."
        ]
    if (np.abs(steps - usual) > UNEVEN * usual).mean() > 0.05:
        low, high = np.percentile(steps, [5, 95]) / 1e6
        return [
            f"Variable frame rate: {low:.0f}–{high:.0f} ms from frame to frame. Mien goes by the stamps; tools that "
            "count frames instead will drift."
        ]
    return []


def _calibrated(take: Take) -> bool:
    """Whether a stage read by somebody's profile: the face at rest was known from the first frame on."""
    return any(isinstance(t, Mapping) and t.get(PROFILE) is not None for t in take.header.config.values())


def _neutral(facts: TakeFacts) -> list[str]:
    """A smile can only be told from a smiling mouth by whoever has seen the face at rest."""
    main = facts.tracks[0]
    if not np.isfinite(main.seen("action_units")).any() and not np.isfinite(main.seen("blendshapes")).any():
        return []
    seen_s = main.seen_s(facts.t_ns)
    if seen_s >= NEUTRAL_S:
        return []
    how = f"for {seen_s:.1f} s only" if len(main.rows) > 1 else "in one picture only"
    return [
        f"The face is seen {how}: how it looks at rest is not known, and expressions are measured against an average "
        "face."
    ]


def _lost(facts: TakeFacts) -> list[str]:
    if facts.found >= 0.95 or len(facts.faces) < 3:
        return []
    edges = np.flatnonzero(np.diff(np.concatenate([[0], facts.faces == 0, [0]])))
    starts = facts.t_ns[edges[::2]]
    # A gap lasts until the face is there again.
    ends = facts.t_ns[np.minimum(edges[1::2], len(facts.t_ns) - 1)]
    longest = int(np.argmax(ends - starts))
    return [
        f"No face in {1 - facts.found:.0%} of the frames; the longest gap lasts "
        f"{(ends[longest] - starts[longest]) / NS_PER_S:.2f} s and begins at "
        f"{timecode(int(starts[longest] - facts.t_ns[0]))}."
    ]


def _unmeasured(facts: TakeFacts) -> list[str]:
    """What is missing of the main face: a curve that is not there looks like nothing to worry about."""
    main = facts.tracks[0]
    out = []
    for what, name in (
        ("head", "head pose"),
        ("action_units", "action units"),
        ("blendshapes", "blendshapes"),
        ("quality", "sharpness and light"),
    ):
        missing = ~np.isfinite(main.seen(what)).any(axis=1)
        if missing.all():
            out.append(f"Not measured in any frame of the face: {name}.")
        elif (share := float(missing.mean())) > UNMEASURED:
            out.append(f"Not measured in {share:.0%} of the face's frames: {name}.")
    return out


def _ids(facts: TakeFacts) -> list[str]:
    real = [t for t in facts.tracks if t.track_id is not None and len(t.rows) >= 3]
    at_once = int(facts.faces.max())
    if len(real) <= at_once:
        return []
    return [
        f"{len(real)} track ids, but never more than {at_once} face{'s' * (at_once > 1)} at once: "
        "one person may have been given several ids."
    ]


def _seeing(facts: TakeFacts) -> list[str]:
    """How well the main face can be seen."""
    main = facts.tracks[0]
    yaw = np.abs(main.seen("head")[:, 0])
    sharpness, brightness, size = main.seen("quality").T
    still, out = len(facts.faces) == 1, []
    if (share := _share(yaw > TURNED_DEG, yaw)) > 0.1:
        out.append(
            f"The head is turned by more than {TURNED_DEG:.0f}°{_how_often(share, still)}: "
            "values of the far side of the face are less certain there."
        )
    # Darkness alone makes edges weak: of a dark face nothing says whether it is blurred too.
    lit = ~(brightness < DARK)
    if (share := _share(sharpness[lit] < BLURRED, sharpness[lit])) > 0.2:
        which = "" if lit.all() else " that are not dark"
        out.append(f"The face is blurred{_how_often(share, still)}{which}: small movements cannot be seen.")
    if (share := _share(size < SMALL_PX, size)) > 0.5:
        out.append(f"The face is small ({np.nanmedian(size):.0f} px): come closer or record at a higher resolution.")
    if still and (brightness < DARK).any():
        out.append("The face is dark: points and expressions are less exact than in light.")
    elif 0.3 < (share := _share(~lit, brightness)) <= NEARLY_ALL_DARK:
        out.append(f"The face is dark in {share:.0%} of its frames: light it from the front.")
    if (share := _share(brightness > BRIGHT, brightness)) > 0.3:
        out.append(f"The face is overexposed{_how_often(share, still)}: reduce the light or the exposure.")
    return out


def _how_often(share: float, still: bool) -> str:
    return "" if still else f" in {share:.0%} of its frames"


def _share(hit: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], values: Float32) -> float:
    known = np.isfinite(values)
    return float(hit[known].mean()) if known.any() else 0.0
