"""Are generated expressions recognised by readers that know nothing of how they were made?

    python -m mien.lab.evaluate.generated_expressions [--points P.npz --labels fer2013.npz] [--pixels] [--rig ict:DIR]
        [--seeds 20] [--out F.json]

Readers. "units": the EMFACS reading of `mien.expression.from_units`, on the action units that a reader of captured
faces would get from the character's shapes. "people": linear discriminants of 98 points, trained on photographs that
people labelled (FER2013), asked about the points of the built-in rig with human proportions making the face. What is
different between the rig's rest and the mean neutral photograph is taken off first: the neutral is known. "pixels": the
expression network on pictures of the character, and of people of each --rig (`generated_pixels`).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mien.animate.acting import records
from mien.animate.expression_graph import ExpressionGraph
from mien.animate.generate import Generated, generate
from mien.animate.script import parse_say
from mien.core.arrays import AnyArray, Float32, Float64
from mien.core.record import Face
from mien.expression.from_units import read_units
from mien.lab.rigs.builtin_rig import builtin_rig

SIX = ("happiness", "sadness", "surprise", "fear", "anger", "disgust")
INTENSITIES = (0.4, 0.7, 1.0)
_FER = {"angry": "anger", "happy": "happiness", "sad": "sadness"}
_LEAST_PRESENCE = 0.75
_PEOPLE = 5
"""Of each rig."""
MOST_PICTURES = 20_000
"""Photographs learnt from, at most."""

Reader = Callable[[Generated, int, Face], str]


@dataclass(frozen=True, slots=True)
class Figures:
    """What one reader said.

    Attributes:
        accuracy: over all.
        per_class: expression → share that was recognised.
        confusion: expression → answer → count.
        support: faces.
    """

    accuracy: float
    per_class: Mapping[str, float]
    confusion: Mapping[str, Mapping[str, int]]
    support: int


def evaluate(readers: Mapping[str, Reader], seeds: int, graph: ExpressionGraph) -> dict[str, dict[str, Figures]]:
    """Reader → intensity ("0.4", ...) → figures, of every expression with every seed at its apex."""
    answers: dict[tuple[str, str], dict[str, dict[str, int]]] = {}
    for level in INTENSITIES:
        for name in SIX:
            for seed in range(seeds):
                made, frame, face = _apex(name, level, seed, graph)
                for reader, read in readers.items():
                    row = answers.setdefault((reader, f"{level:g}"), {}).setdefault(name, {})
                    answer = read(made, frame, face)
                    row[answer] = row.get(answer, 0) + 1
    out: dict[str, dict[str, Figures]] = {}
    for (reader, text), table in answers.items():
        right = {n: row.get(n, 0) / sum(row.values()) for n, row in table.items()}
        total = sum(sum(row.values()) for row in table.values())
        hits = sum(row.get(n, 0) for n, row in table.items())
        out.setdefault(reader, {})[text] = Figures(hits / total, right, table, total)
    return out


def _apex(name: str, level: float, seed: int, graph: ExpressionGraph) -> tuple[Generated, int, Face]:
    idle = {"blinks": 0.0, "head": 0.0, "gaze": 0.0}
    made = generate(parse_say(f"{name} {level:g} at 0.1 for 1.2", seed=seed, fps=20.0, idle=idle), graph)
    frame = int(np.argmin(np.abs(made.t_ns / 1e9 - made.acts[0].apex_s)))
    face = next(r.faces[0] for i, r in enumerate(records(made, "said")) if i == frame)
    return made, frame, face


def by_units(made: Generated, frame: int, face: Face) -> str:
    """The EMFACS reading of the face's action units."""
    assert face.action_units is not None
    found = read_units(face.action_units)
    return found.names[int(np.nanargmax(found.values))]


class ByPeople:
    """Linear discriminants of points, trained on photographs that people labelled.

    Args:
        xy: (N, 98, 2) px.
        names: (N,) expression of each.

    Attributes:
        held_out: mean recall of the classes on a random tenth that was not trained on.
    """

    def __init__(self, xy: Float32, names: Sequence[str]) -> None:
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

        order = np.random.default_rng(0).permutation(len(xy))
        x, y = aligned(xy[order]), np.array(names)[order]
        cut = int(0.9 * len(x))
        classes = len(set(names))
        model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.01, priors=np.full(classes, 1 / classes))
        self._model = model.fit(x[:cut], y[:cut])
        answers = self._model.predict(x[cut:])
        self.held_out = float(np.mean([(answers[y[cut:] == n] == n).mean() for n in np.unique(y[cut:])]))
        self._neutral: Float64 = x[:cut][y[:cut] == "neutral"].mean(axis=0)
        rig = builtin_rig()
        self._rig, self._person = rig, rig.identity(np.random.default_rng(0))
        self._rest = self._points(np.zeros(52, np.float32))

    def __call__(self, made: Generated, frame: int, face: Face) -> str:
        assert face.blendshapes is not None
        moved = self._points(face.blendshapes.values) - self._rest + self._neutral
        return str(self._model.predict(moved[None])[0])

    def _points(self, weights: Float32) -> Float64:
        posed = self._rig.pose(self._person, weights)
        flat = posed.points[:, :2] * np.array([1.0, -1.0], np.float32)
        row: Float64 = aligned(flat[None])[0]
        return row


def aligned(xy: Float32) -> Float64:
    """(N, 196) points turned upright, centred between the outer eye corners and scaled by their distance."""
    x = np.asarray(xy, np.float64)
    right, left = x[:, 60], x[:, 72]
    middle, across = (right + left) / 2, left - right
    length = np.linalg.norm(across, axis=1, keepdims=True)
    c, s = (across / np.maximum(length, 1e-6)).T
    turned = x - middle[:, None]
    out = np.stack(
        [
            c[:, None] * turned[..., 0] + s[:, None] * turned[..., 1],
            -s[:, None] * turned[..., 0] + c[:, None] * turned[..., 1],
        ],
        axis=-1,
    )
    flat: Float64 = (out / np.maximum(length, 1e-6)[:, None]).reshape(len(x), -1)
    return flat


def labelled_points(points: Path, labels: Path) -> tuple[Float32, list[str]]:
    """Points of FER2013's training pictures (`names`: "train 00017", `xy`, `presence`) and their labels; pictures that
    hardly look like a face to the landmark network are left out."""
    with np.load(points, allow_pickle=False) as table, np.load(labels, allow_pickle=False) as fer:
        rows = np.array([int(str(n).split()[1]) for n in table["names"]])
        names: AnyArray = fer["class_names"][fer["train_labels"]]
        kept = (table["presence"] >= _LEAST_PRESENCE) & np.isfinite(table["xy"]).all(axis=(1, 2))
        kept[MOST_PICTURES:] = False
        told = [_FER.get(str(n), str(n)) for n in names[rows[kept]]]
        return table["xy"][kept].astype(np.float32), told


def _picture_readers(character: bool, rigs: Sequence[str], opened: ExitStack) -> dict[str, Reader]:
    from mien.lab.evaluate.generated_pixels import ByPixels, character_drawer, rig_drawer
    from mien.lab.rigs.catalogue import load_rig
    from mien.lab.synth.stored.order import RigOrder

    drawers = {"pixels, character": [character_drawer()]} if character else {}
    for order in map(RigOrder.parse, rigs):
        rig = load_rig(order.name, order.folder)
        drawers[f"pixels, {order.name}"] = [rig_drawer(rig, 1000 + k) for k in range(_PEOPLE)]
    return {name: opened.enter_context(closing(ByPixels(faces))) for name, faces in drawers.items()}


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=Path)
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--pixels", action="store_true", help="pictures of the character, too")
    parser.add_argument("--rig", action="append", default=[], help="pictures of people of builtin, ict:DIR, ..., too")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args(arguments)
    readers: dict[str, Reader] = {"units": by_units}
    table: dict[str, Any] = {}
    if given.points is not None and given.labels is not None:
        people = ByPeople(*labelled_points(given.points, given.labels))
        table["people_held_out_mean_recall"] = people.held_out
        readers["people"] = people
    began = time.perf_counter()
    with ExitStack() as opened:
        graph = opened.enter_context(closing(ExpressionGraph()))
        readers |= _picture_readers(given.pixels, given.rig, opened)
        figures = evaluate(readers, given.seeds, graph)
    table["seconds"] = time.perf_counter() - began
    for reader, rows in figures.items():
        for level, row in rows.items():
            per = ", ".join(f"{n} {v:.2f}" for n, v in row.per_class.items())
            sys.stdout.write(f"{reader} at {level}: {row.accuracy:.3f} of {row.support}: {per}\n")
            table.setdefault(reader, {})[level] = {
                "accuracy": row.accuracy,
                "per_class": dict(row.per_class),
                "confusion": row.confusion,
                "support": row.support,
            }
    if given.out is not None:
        given.out.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
