"""The running spotter on made movement: what it tells in time, beside what the whole clip tells.

    python -m mien.lab.evaluate.micro_live --rate 60 --clips 30

A look after every frame, as the stage `micro/spot` has it; `decide` itself says which looks are needed.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mien.lab.metrics.spans import matched
from mien.lab.synth.faint_movement import observe
from mien.lab.train.micro_spotter_clips import Scene, named_rigs, performers, random_scenes
from mien.micro.decision import MODEL
from mien.micro.spotter import Spotted, Spotter
from mien.micro.threshold import THRESHOLD


@dataclass(frozen=True, slots=True)
class Told:
    """One clip.

    Attributes:
        seconds: length.
        true: (onset, offset) of the micro-expressions, s.
        live, whole: micro-expressions told while it ran, and at its end.
        delays_s: from an offset, of either kind, until it was told.
    """

    seconds: float
    true: list[tuple[float, float]]
    live: list[Spotted]
    whole: list[Spotted]
    delays_s: list[float]


def tell(scene: Scene, running: Spotter, whole: Spotter) -> Told:
    """Let a scene pass before both; they are emptied first. `running` keeps a window only, `whole` everything."""
    running.forget()
    whole.forget()
    live, delays = list[Spotted](), list[float]()
    for moved in observe(scene.performer, scene.sequence, scene.rng, pixels=scene.pixels):
        running.follow(0, moved)
        whole.follow(0, moved)
        now = running.decide(moved.t_ns)
        live += now
        delays += [(moved.t_ns - s.event.offset_ns) / 1e9 for s in now]
    true = [(e.onset_s, e.offset_s) for e in scene.sequence.expressions if e.kind == "micro"]
    return Told(scene.sequence.seconds, true, _micro(live), _micro(whole.finish()), delays)


def report(told: Sequence[Told]) -> str:
    """Markdown."""
    lines = ["| | found | false |", "|---|---|---|"]
    count = sum(len(t.true) for t in told)
    for name, every in (("while it runs", [t.live for t in told]), ("the whole clip", [t.whole for t in told])):
        hits = sum(len(matched([_span(s) for s in found], t.true)) for t, found in zip(told, every, strict=True))
        lines.append(f"| {name} | {hits} of {count} | {sum(map(len, every)) - hits} |")
    delays = [d for t in told for d in t.delays_s]
    minutes = sum(t.seconds for t in told) / 60
    said = f"told {np.median(delays):.2f} s after the offset (median), {max(delays):.2f} at most" if delays else "-"
    return "\n".join([f"{len(told)} clips, {minutes:.1f} minutes; {said}\n", *lines])


def _micro(found: Sequence[Spotted]) -> list[Spotted]:
    return [s for s in found if s.event.kind == "micro"]


def _span(spotted: Spotted) -> tuple[float, float]:
    return spotted.event.onset_ns / 1e9, spotted.event.offset_ns / 1e9


def main(arguments: list[str] | None = None) -> None:
    """Command line of the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rig", action="append", metavar="NAME[:FOLDER]", help="builtin (default), ict:FOLDER …")
    parser.add_argument("--clips", type=int, default=30)
    parser.add_argument("--rate", type=float, default=60.0, help="frames per second")
    parser.add_argument("--seed", type=int, default=921)
    parser.add_argument("--model", default=MODEL, help="name of a shipped model, or a folder")
    parser.add_argument("--threshold", type=float, default=THRESHOLD)
    given = parser.parse_args(arguments)
    people = performers(named_rigs(given.rig or ["builtin"]), 3)
    running = Spotter(given.threshold, model=given.model, keep=False)
    whole = Spotter(given.threshold, model=given.model)
    told = [tell(s, running, whole) for s in random_scenes(people, given.clips, given.seed, given.rate)]
    running.close()
    whole.close()
    print(report(told))  # noqa: T201  a command's answer


if __name__ == "__main__":
    main()
