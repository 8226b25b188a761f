"""Which action units make an expression, drawn one after another by a graph network (seed 000 §3.2).

The network (`models/expression-graph`, trained by `mien.lab.train.expression_graph`) is a GCN whose nodes are units and
whose links say how often two units occur together and how their strengths go together (the semantic adjacency). It is
asked about one unit at a time: given the expression, its kind and intensity and the units decided so far, how likely is
this unit, and how strong? The order is random, so every draw is another face of the same expression, and units that
belong together come together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mien.animate.statistics_table import statistics_table
from mien.core.arrays import Float32, Float64
from mien.core.schema import load_schema
from mien.errors import ModelError
from mien.runtime.store import open_model

EXPRESSIONS = ("happiness", "sadness", "surprise", "fear", "anger", "disgust", "contempt")
KINDS = ("macro", "micro")
UNITS = (
    *("AU1", "AU2", "AU4", "AU5", "AU6", "AU7", "AU9", "AU10", "AU12", "AU14", "AU15", "AU16", "AU17", "AU18"),
    *("AU20", "AU22", "AU23", "AU24", "AU25", "AU26", "AU27", "AU28"),
)
"""Nodes of the graph: units that make expressions. Lids that close are blinks, not expressions."""
STATE, ASKED = 3, len(EXPRESSIONS) + len(KINDS) + 1
"""Width of a node's state (decided, present, strength) and of the question (expression, kind, intensity 0–1)."""
MODEL = "expression-graph"
_SURE = 0.04
"""Less likely units are left out, more likely ones than its complement are taken: rare slips of the network."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What is wanted.

    Attributes:
        expression: out of `EXPRESSIONS`.
        kind: "macro" or "micro".
        intensity: 0–1.
    """

    expression: str
    kind: str
    intensity: float

    def vector(self) -> Float32:
        """(ASKED,) as the network takes it."""
        out = np.zeros(ASKED, np.float32)
        out[EXPRESSIONS.index(self.expression)] = 1.0
        out[len(EXPRESSIONS) + KINDS.index(self.kind)] = 1.0
        out[-1] = self.intensity
        return out


class ExpressionGraph:
    """Draws sets of units.

    Args:
        model: see `mien.runtime.store.open_model`.
        backend: inference backend; None = the best installed.

    Raises:
        ModelError: the model is missing, damaged or of another kind.
    """

    def __init__(self, model: str = MODEL, backend: str | None = None) -> None:
        self._model = open_model(model, backend=backend, threads=1, small=True)
        (told,) = self._model.card.inputs
        if told.shape[-1] != STATE * len(UNITS) + ASKED:
            self._model.close()
            raise ModelError(f"{model}: is no graph of these {len(UNITS)} units; train it again")

    @property
    def id(self) -> str:
        """Name and version of the model."""
        return self._model.id

    def levels(self, ask: Ask, rng: np.random.Generator) -> dict[str, float]:
        """Unit → strength at the apex as a share of the whole expression's, 0.15–1; the strongest has 1.

        Raises:
            ValueError: no such expression or kind.
        """
        if ask.expression not in EXPRESSIONS or ask.kind not in KINDS:
            raise ValueError(f"ExpressionGraph: no {ask.kind} {ask.expression}; there are {', '.join(EXPRESSIONS)}")
        for _ in range(8):
            drawn = self._draw(ask.vector(), rng)
            if drawn:
                most = max(drawn.values())
                return {unit: max(0.15, level / most) for unit, level in drawn.items()}
        raise ModelError(f"{self.id}: gives no unit for {ask.kind} {ask.expression}; train it again")

    def probabilities(self, states: Float32, asked: Float32) -> tuple[Float64, Float64, Float64]:
        """What the network says of (B, U, 3) states and (B, A) questions: (B, U) probability, strength, its spread."""
        feed = np.concatenate([states.reshape(len(states), -1), asked], axis=1).astype(np.float32)
        out = self._model.run({"question": feed})
        logits = out["presence"].astype(np.float64)
        return 1.0 / (1.0 + np.exp(-logits)), out["strength"].astype(np.float64), out["spread"].astype(np.float64)

    def _draw(self, asked: Float32, rng: np.random.Generator) -> dict[str, float]:
        state = np.zeros((1, len(UNITS), STATE), np.float32)
        drawn: dict[str, float] = {}
        for place in rng.permutation(len(UNITS)):
            chance, strength, spread = (v[0, place] for v in self.probabilities(state, asked[None]))
            dice, z = rng.random(), rng.standard_normal()
            present = chance > 1.0 - _SURE or (chance > _SURE and dice < chance)
            level = float(np.clip(strength + 0.7 * spread * z, 0.1, 1.0)) if present else 0.0
            state[0, place] = 1.0, present, level
            if present:
                drawn[UNITS[int(place)]] = level
        return drawn

    def close(self) -> None:
        """Release the model; may be called twice."""
        self._model.close()


def with_sides(levels: Mapping[str, float], ask: Ask, rng: np.random.Generator, spread: float) -> dict[str, float]:
    """Entries of schema "facs" → share of the whole expression's strength, left and right apart.

    Sides differ by a factor with standard deviation `spread`. How often a unit is on one side only is known from the
    label tables that the statistics were fitted to; of macro-expressions a third of that, because there raised brows
    and lips on one side are mostly signals of conversation. Units that are one-sided share a side in 7 of 10 cases.
    """
    table = statistics_table()[ask.kind]["units"]
    often = 1.0 if ask.kind == "micro" else 1 / 3
    facs = load_schema("facs")
    common, tilt = rng.random(2), float(rng.normal(0.0, spread))
    out: dict[str, float] = {}
    for unit, level in levels.items():
        one, left = common if rng.random() < 0.7 else rng.random(2)
        own = tilt + float(rng.normal(0.0, spread / 2))
        if unit in facs:
            out[unit] = level
            continue
        alone = ask.expression == "contempt" or (unit != "AU1" and one < often * table["one_sided"].get(unit, 0.0))
        is_left = left < (0.5 if ask.expression == "contempt" else table["left"].get(unit, 0.5))
        for side, sign in (("L", 1.0), ("R", -1.0)):
            if not alone or (side == "L") == is_left:
                out[f"{unit}_{side}"] = float(np.clip(level * (1.0 + sign * own), 0.0, 1.0))
    return out
