"""Faces that teach the pixel reader: crops placed as at run time, with the weights of all 52 shapes.

    python -m mien.lab.train.shape_faces --out SET --rig builtin --rig ict:ICT --groups 2000 [--puppets pseudo:DIR]

A group is one person in one light before one camera: two faces at rest, then faces that do something. Drawn groups
(`shape_groups`) show persons of the wanted split only. Puppet groups (`shape_puppets`) are portraits moved by a rig:
real skin. The crops are placed as the running chain places them (`shape_views`).
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from mien.core.schema import load_schema
from mien.errors import RequestError
from mien.lab.rigs.catalogue import load_rig
from mien.lab.synth.stored.order import RigOrder
from mien.lab.train.shape_groups import IN_GROUP, PEOPLE, Drawn, Labelled, drawn_groups
from mien.lab.train.shape_views import MARGIN, Look, crop_size

log = logging.getLogger(__name__)

_SAVE_EVERY = 20
_SHAPES = len(load_schema("arkit52"))
_NEXT_SEEDS = 10_000_000
"""A rig that is named twice goes on here."""


def write_set(out: Path, groups: Iterator[list[Labelled]], count: int, facts: Sequence[str]) -> int:
    """Write `count` groups: crops.npy, plain.npy, moved.npy, read.npy, facts.txt; returns how many there were.

    Raises:
        RequestError: the folder holds a set already.
    """
    if (out / "crops.npy").exists():
        raise RequestError(f"{out} holds a set already; choose another --out")
    out.mkdir(parents=True, exist_ok=True)
    w, h = crop_size(MARGIN)
    shape = (count, IN_GROUP, h, w, 3)
    crops = np.lib.format.open_memmap(out / "crops.npy", "w+", np.uint8, shape)  # type: ignore[no-untyped-call]
    labels = np.full((3, count, IN_GROUP, _SHAPES), np.nan, np.float32)
    done = 0
    for group in groups:
        if done == count:
            break
        crops[done] = np.stack([f.crop for f in group])
        labels[0, done] = np.stack([f.plain for f in group])
        labels[1, done] = np.stack([f.moved for f in group])
        labels[2, done] = [np.full(_SHAPES, np.nan) if f.read is None else f.read for f in group]
        done += 1
        if done % _SAVE_EVERY == 0 or done == count:
            crops.flush()
            np.save(out / "plain.npy", labels[0, :done])
            np.save(out / "moved.npy", labels[1, :done])
            np.save(out / "read.npy", labels[2, :done])
    (out / "facts.txt").write_text("\n".join(facts) + "\n", encoding="utf-8")
    return done


def main(arguments: list[str] | None = None) -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rig", action="append", default=[], help="builtin, ict:DIR, makehuman:DIR or valid:DIR")
    parser.add_argument("--puppets", help="portraits to move instead: pseudo:DIR")
    parser.add_argument("--groups", type=int, default=500)
    parser.add_argument("--split", default="train", choices=("train", "val"))
    parser.add_argument("--seed", type=int, default=500000)
    parser.add_argument("--people", type=int, default=PEOPLE, help="of each rig")
    parser.add_argument("--size", type=int, default=256, help="side of the drawn pictures, px")
    parser.add_argument("--plain", action="store_true", help="nothing before the face, turned less, several gestures")
    parser.add_argument("--readings", action="store_true", help="also what the landmark solver says, to fuse both")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    cv2.setNumThreads(1)
    orders = [RigOrder.parse(text) for text in options.rig or ["builtin"]]
    rigs = [load_rig(o.name, o.folder) for o in orders]
    look = Look()
    if options.puppets:
        from mien.lab.train.shape_puppets import puppet_groups

        groups = puppet_groups(options.puppets, options.split, rigs, look, options.seed)
    else:
        how = Drawn(
            options.split,
            options.size,
            first_seed=options.seed,
            readings=options.readings,
            people=options.people,
            plain=options.plain,
        )
        again = [sum(r.name == rig.name for r in rigs[:k]) for k, rig in enumerate(rigs)]
        hows = [replace(how, first_seed=how.first_seed + _NEXT_SEEDS * n) for n in again]
        groups = _in_turn([drawn_groups(rig, h, look) for rig, h in zip(rigs, hows, strict=True)])
    done = write_set(options.out, groups, options.groups, [f"{k}: {v}" for k, v in sorted(vars(options).items())])
    log.info("%s", f"{done} groups of {IN_GROUP} faces in {options.out}")


def _in_turn(streams: Sequence[Iterator[list[Labelled]]]) -> Iterator[list[Labelled]]:
    while True:
        for stream in streams:
            yield next(stream)


if __name__ == "__main__":
    main()
