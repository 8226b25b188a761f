"""Clips: in how many frames with a face one is found, and do people keep their ids.

    python -m mien.lab.evaluate.clips --clips FOLDER --preset balanced --out DIR

Who can be seen when is known for the clips named in `clips.toml`, by looking. Of other clips every frame is taken to
show one person.
"""

from __future__ import annotations

import argparse
import json
import logging
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from mien.core.arrays import Int64
from mien.core.record import FrameRecord
from mien.errors import SourceError
from mien.lab.evaluate.chain import followed, landmark_chain
from mien.lab.metrics.score import ratio
from mien.sources.opening import open_source

log = logging.getLogger(__name__)

SUFFIXES = (".mp4", ".mov", ".gif", ".avi", ".mkv", ".webm")


@dataclass(frozen=True, slots=True)
class ClipFigures:
    """What was found in a clip.

    Attributes:
        clip, preset: which, by what.
        frames: in all.
        with_face: frames that show somebody.
        found: of these, frames in which at least one face was found.
        people_frames: people that can be seen, summed over the frames.
        people_found: of these, at most as many as faces were found in the frame.
        people: most that can be seen at once.
        ids: different ids that were given in frames with a face.
        too_many: frames with more faces than people.
        false: faces in frames that show nobody.
        longest_gap: most frames in a row that show somebody and in which nobody was found.
    """

    clip: str
    preset: str
    frames: int
    with_face: int
    found: int
    people_frames: int
    people_found: int
    people: int
    ids: int
    too_many: int
    false: int
    longest_gap: int

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {name: getattr(self, name) for name in self.__slots__}


def known_clips() -> Mapping[str, Mapping[str, Any]]:
    """The clips of `clips.toml` by name."""
    return tomllib.loads((files("mien.lab.evaluate") / "clips.toml").read_text(encoding="utf-8"))


def people_by_frame(name: str, frames: int) -> Int64:
    """(frames,) how many people each frame of a clip shows."""
    entry = known_clips().get(name, {"faces": [[0, frames - 1, 1]]})
    out = np.zeros(frames, np.int64)
    for first, last, people in entry["faces"]:
        out[first : last + 1] = people
    return out


def clip_figures(name: str, preset: str, records: Iterable[FrameRecord]) -> ClipFigures:
    """Count over the finished records of a clip, one per frame."""
    ids = [[f.track_id for f in r.faces] for r in records]
    people = people_by_frame(name, len(ids))
    counts = np.array([len(i) for i in ids], np.int64)
    shown = people > 0
    missed = shown & (counts == 0)
    return ClipFigures(
        clip=name,
        preset=preset,
        frames=len(ids),
        with_face=int(shown.sum()),
        found=int((shown & (counts > 0)).sum()),
        people_frames=int(people.sum()),
        people_found=int(np.minimum(people, counts).sum()),
        people=int(people.max(initial=0)),
        ids=len({i for own, there in zip(ids, shown.tolist(), strict=True) if there for i in own}),
        too_many=int((shown & (counts > people)).sum()),
        false=int(counts[~shown].sum()),
        longest_gap=_longest(missed.tolist()),
    )


def _longest(flags: Sequence[bool]) -> int:
    best = run = 0
    for flag in flags:
        run = run + 1 if flag else 0
        best = max(best, run)
    return best


def look_at(path: Path, preset: str, max_faces: int | None = None) -> ClipFigures:
    """Run the preset's chain over a clip.

    Args:
        path: the clip.
        preset: a shipped name or a file.
        max_faces: followed faces; None = as many as the clip shows people, at least one.

    Raises:
        SourceError: it cannot be read.
    """
    people = [entry[2] for entry in known_clips().get(path.name, {"faces": []})["faces"]]
    source = open_source(path)
    try:
        with landmark_chain(preset, max_faces or max([1, *people])) as pipeline:
            return clip_figures(path.name, Path(preset).stem, followed(pipeline, source))
    finally:
        source.close()


def clips_in(places: Iterable[Path]) -> list[Path]:
    """Clips named, and those in folders named (and in folders inside); sorted.

    Raises:
        SourceError: a place is not there, or no clip is.
    """
    out: list[Path] = []
    for place in places:
        if not place.exists():
            raise SourceError(f"{place}: is not there; name a clip or a folder of clips")
        every = sorted(place.rglob("*")) if place.is_dir() else [place]
        out += [p for p in every if p.suffix.lower() in SUFFIXES]
    if not out:
        raise SourceError(f"no clip ({', '.join(SUFFIXES)}) in {', '.join(map(str, places))}")
    return out


def clip_table(results: Sequence[ClipFigures]) -> str:
    """A Markdown table, a row per clip and preset, and a sum per preset."""
    head = ("clip", "preset", "frames with a face", "face found", "people found", "ids (people)", "too many", "false")
    lines = [f"| {' | '.join(head)} | longest gap |", "|" + "---|" * (1 + len(head))]
    for r in results:
        cells = (r.clip, r.preset, f"{r.with_face} of {r.frames}", _share(r.found, r.with_face))
        rest = (_share(r.people_found, r.people_frames), f"{r.ids} ({r.people})", r.too_many, r.false, r.longest_gap)
        lines.append(f"| {' | '.join(map(str, (*cells, *rest)))} |")
    for preset in dict.fromkeys(r.preset for r in results):
        own = [r for r in results if r.preset == preset]
        sums = {k: sum(getattr(r, k) for r in own) for k in ("frames", "with_face", "found", "too_many", "false")}
        people = _share(sum(r.people_found for r in own), sum(r.people_frames for r in own))
        ids = f"{sum(r.ids for r in own)} ({sum(r.people for r in own)})"
        gap = max(r.longest_gap for r in own)
        cells = (
            "**all**",
            preset,
            f"{sums['with_face']} of {sums['frames']}",
            _share(sums["found"], sums["with_face"]),
        )
        lines.append(f"| {' | '.join(map(str, (*cells, people, ids, sums['too_many'], sums['false'], gap)))} |")
    return "\n".join(lines)


def _share(part: int, whole: int) -> str:
    return f"{100 * ratio(part, whole):.1f} %" if whole else "–"


def main(arguments: Sequence[str] | None = None) -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clips", action="append", type=Path, required=True, help="a clip, or a folder of clips")
    parser.add_argument("--preset", action="append", help="default: balanced")
    parser.add_argument("--max-faces", type=int, help="default: as many as the clip shows people")
    parser.add_argument("--out", type=Path, help="folder for clips.json and clips.md")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    clips = clips_in(options.clips)
    results = [look_at(clip, preset, options.max_faces) for preset in options.preset or ["balanced"] for clip in clips]
    log.info("%s", clip_table(results))
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        facts = {"kind": "clips", "clips": [r.as_json() for r in results]}
        (options.out / "clips.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        (options.out / "clips.md").write_text(clip_table(results) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
