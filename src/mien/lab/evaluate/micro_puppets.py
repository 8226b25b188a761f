"""Recall of the spotter on real skin, by how far it moves: portraits moved by a known, faint movement and filmed again.

    python -m mien.lab.evaluate.micro_puppets --photos FOLDER --photos FOLDER --out trials.jsonl --minutes 10

Each portrait is a film with a camera's noise in which one movement rises and falls once. The amplitude is the largest
displacement of a landmark, in % of the distance between the outer eye corners. Every film is written to the file as
soon as it was judged; the same command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import chain, zip_longest
from pathlib import Path

import numpy as np

from mien.errors import SourceError
from mien.lab.evaluate.micro_films import MOTIONS, SECONDS, Camera, Trial, trial
from mien.lab.evaluate.micro_portraits import Sitter, sitters
from mien.lab.evaluate.row_file import RowFile
from mien.lab.pseudo.puppet import Puppet
from mien.micro.threshold import THRESHOLD

log = logging.getLogger(__name__)

AMPLITUDES = (0.5, 0.75, 1.0, 1.5)
"""% of the distance between the outer eye corners."""


class Diary(RowFile[Trial]):
    """The films judged so far; see `RowFile`.

    Args:
        path: made if it is missing; None = nothing is kept.
        camera: how this run films; films made otherwise are refused.
    """

    def __init__(self, path: Path | None, camera: Camera) -> None:
        super().__init__(path, asdict(camera), lambda row: Trial(**row), "films")

    def missing(self, sitter: Sitter) -> list[tuple[str, float]]:
        """(motion, amplitude) of a sitter's films that were not made yet."""
        own = [t for t in self.rows if (t.source, t.portrait) == (sitter.source, sitter.portrait.name)]
        done = {(t.motion, t.amplitude) for t in own}
        return [(m, a) for m in MOTIONS for a in AMPLITUDES if (m, a) not in done]


def in_turns(folders: Sequence[Path], count: int) -> Iterator[tuple[int, Sitter]]:
    """(number, sitter): first the first of every folder, then the second, …; up to `count` of each folder."""
    turns = zip_longest(*(sitters(folder, count) for folder in folders))
    return enumerate(s for s in chain.from_iterable(turns) if s is not None)


def run(
    who: Iterable[tuple[int, Sitter]],
    camera: Camera,
    diary: Diary,
    most: int,
    now: Callable[[], float] = time.monotonic,
) -> Generator[float, None, None]:
    """Make what is missing, film by film; gives the seconds gone by after each, so that the caller may stop.

    Args:
        who: see `in_turns`.
        camera: how to film.
        diary: where it is kept.
        most: films when everybody has been filmed, for telling how much is left.
        now: seconds.
    """
    began, made = now(), 0
    for number, sitter in who:
        missing = diary.missing(sitter)
        if not missing:
            continue
        try:
            puppet = Puppet(sitter.portrait)
        except SourceError as error:
            log.info("%s is passed over: %s", sitter.portrait.name, error)
            continue
        for motion, amplitude in missing:
            one = trial(sitter, puppet, (motion, amplitude), camera, number)
            diary.add(one)
            made += 1
            gone = now() - began
            each = gone / made
            left = max(0, most - len(diary.rows)) * each / 60
            text = "film %d of %d or fewer: %s, %s, %g %%: %s; %.1f s each, %.1f minutes left"
            what = one.portrait, motion, amplitude, one.kind or "not found"
            log.info(text, len(diary.rows), most, *what, each, left)
            yield gone


def table(trials: Sequence[Trial]) -> str:
    """Recall by amplitude, for each motion, each source and all, as Markdown: found as micro of how many; in brackets
    how many more were found as macro. Below: what was false, and how far it moved."""
    amplitudes = sorted({t.amplitude for t in trials})
    lines = [f"| | {' | '.join(f'{a:g} %' for a in amplitudes)} |", "|---" * (len(amplitudes) + 1) + "|"]
    rows: list[tuple[str, list[Trial]]] = [
        (motion, [t for t in trials if t.motion == motion]) for motion in dict.fromkeys(t.motion for t in trials)
    ]
    for source in dict.fromkeys(t.source for t in trials):
        own = [t for t in trials if t.source == source]
        rows.append((f"{source} ({len({t.portrait for t in own})} faces)", own))
    for name, own in [*rows, ("all", list(trials))]:
        cells = [_cell([t for t in own if t.amplitude == a]) for a in amplitudes]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    medians = (f"{np.median([t.moved for t in trials if t.amplitude == a]):.2f}" for a in amplitudes)
    lines.append(f"| moved, median % | {' | '.join(medians)} |")
    micro, macro = sum(t.false_micro for t in trials), sum(t.false_macro for t in trials)
    minutes = SECONDS * len(trials) / 60
    lines.append(f"\nfalse elsewhere: {micro} micro, {macro} macro in {len(trials)} films, {minutes:.1f} minutes")
    return "\n".join(lines)


def _cell(trials: Sequence[Trial]) -> str:
    kinds = [t.kind for t in trials]
    return f"{kinds.count('micro')} of {len(kinds)} ({kinds.count('macro')})" if kinds else "–"


def main(arguments: list[str] | None = None) -> None:
    """Command line of the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, action="append", required=True, help="of portraits, or SFHQ's collages")
    parser.add_argument("--count", type=int, default=6, help="portraits of each folder at most")
    parser.add_argument("--fps", type=float, default=60.0)
    parser.add_argument("--noise", type=float, default=2.0, help="grey levels")
    parser.add_argument("--sway", type=float, default=0.0, help="slow turns of the head, degrees")
    parser.add_argument("--threshold", type=float, default=THRESHOLD)
    parser.add_argument("--out", type=Path, help="file of the films judged so far; goes on where it was stopped")
    parser.add_argument("--minutes", type=float, default=np.inf, help="begin no further film after so long")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    camera = Camera(given.fps, given.noise, given.sway, given.threshold)
    diary = Diary(given.out, camera)
    most = given.count * len(given.photos) * len(MOTIONS) * len(AMPLITUDES)
    try:
        for gone in run(in_turns(given.photos, given.count), camera, diary, most):
            if gone > 60 * given.minutes:
                log.info("stopped after %.1f minutes", gone / 60)
                break
    finally:
        print(table(diary.rows))  # noqa: T201  a command's answer


if __name__ == "__main__":
    main()
