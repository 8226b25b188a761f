"""Train the graph that draws units of expressions, and write it as a model folder.

    python -m mien.lab.train.expression_graph --out src/mien/models/expression-graph

Every sample is a set of units of which a random part is decided; the network learns the rest (an order-agnostic
autoregressive model, Uria, Murray & Larochelle 2014), so that units can be drawn one after another in any order.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mien.animate.expression_graph import ASKED, EXPRESSIONS, KINDS, STATE, UNITS, Ask, ExpressionGraph
from mien.core.arrays import Float32
from mien.lab.export import export
from mien.lab.models.blocks.graph import semantic_adjacency
from mien.lab.models.expression_graph import ExpressionNet
from mien.lab.synth.expression_sets import random_set
from mien.runtime.card import CardFacts, DataCard, InputCard, OutputCard, Score, TrainingCard

VERSION = "1"
SETS, BATCH, STEPS = 16_000, 384, 1_500
_RATE = 4e-3
_SCHEDULE = ((0.0, 0.05, 0.75, 1.0), (0.1, 1.0, 0.3, 0.03))
"""Share of the steps → share of the learning rate."""


def drawn_sets(seed: int, count: int) -> tuple[Float32, Float32]:
    """(N, A) questions and (N, U) strengths."""
    rng = np.random.default_rng(seed)
    asked, levels = np.zeros((count, ASKED), np.float32), np.zeros((count, len(UNITS)), np.float32)
    for i in range(count):
        expression, kind, intensity, levels[i] = random_set(rng)
        asked[i] = Ask(expression, kind, intensity).vector()
    return asked, levels


def loss_of(net: ExpressionNet, asked: Tensor, levels: Tensor, dice: torch.Generator) -> Tensor:
    """Mean over the undecided units: cross-entropy of presence, and the strengths' negative log-likelihood."""
    share = torch.rand((len(levels), 1), generator=dice)
    decided = (torch.rand(levels.shape, generator=dice) < share).float()
    present = (levels > 0).float()
    state = torch.stack([decided, decided * present, decided * levels], dim=-1)
    logit, strength, spread = net(torch.cat([state.reshape(len(levels), -1), asked], dim=1))
    open_ = 1.0 - decided
    guess = F.binary_cross_entropy_with_logits(logit, present, reduction="none")
    off = 0.5 * ((levels - strength) / spread) ** 2 + spread.log()
    loss: Tensor = (open_ * (guess + 0.3 * present * off)).sum() / open_.sum().clamp(min=1.0)
    return loss


def train(asked: Float32, levels: Float32, steps: int, seed: int = 0, *, linked: bool = True) -> ExpressionNet:
    """Train on sets; `linked` False leaves the graph out."""
    torch.manual_seed(seed)
    net = ExpressionNet(semantic_adjacency(5.0 * levels) if linked else None)
    optimiser = torch.optim.AdamW(net.parameters(), lr=_RATE, weight_decay=1e-4)
    dice = torch.Generator().manual_seed(seed)
    x, y = torch.from_numpy(asked), torch.from_numpy(levels)
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = _RATE * float(np.interp(step / steps, *_SCHEDULE))
        rows = torch.randint(len(x), (BATCH,), generator=dice)
        loss = loss_of(net, x[rows], y[rows], dice)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return net.eval()


def held_out(net: ExpressionNet, asked: Float32, levels: Float32) -> float:
    """The loss on sets that were not trained on."""
    with torch.no_grad():
        return float(loss_of(net, torch.from_numpy(asked), torch.from_numpy(levels), torch.Generator().manual_seed(9)))


def co_occurrence(graph: ExpressionGraph, asked: Float32, levels: Float32, seed: int) -> tuple[float, int]:
    """Correlation over pairs of units of how often they come together, drawn and given; and the number of draws."""
    rng = np.random.default_rng(seed)
    made = np.zeros_like(levels)
    for i, row in enumerate(asked):
        expression = EXPRESSIONS[int(row[: len(EXPRESSIONS)].argmax())]
        kind = KINDS[int(row[len(EXPRESSIONS) : -1].argmax())]
        for unit, level in graph.levels(Ask(expression, kind, float(row[-1])), rng).items():
            made[i, UNITS.index(unit)] = level
    upper = np.triu_indices(len(UNITS), 1)
    drawn, given = (((x > 0).T.astype(float) @ (x > 0))[upper] / len(x) for x in (made, levels))
    return float(np.corrcoef(drawn, given)[0, 1]), len(made)


def facts(scores: Sequence[Score], name: str) -> CardFacts:
    """The card."""
    n = len(UNITS)
    return CardFacts(
        name=name,
        version=VERSION,
        task="expression, kind and intensity to the action units it is made of, unit by unit",
        licence="Apache-2.0",
        inputs=(
            InputCard(
                name="question",
                shape=(None, STATE * n + ASKED),
                recipe=f"for each of {', '.join(UNITS)}: decided, present, strength; then one-hot of "
                f"{', '.join(EXPRESSIONS)}; one-hot of {', '.join(KINDS)}; intensity 0–1",
            ),
        ),
        outputs=(
            OutputCard(name="presence", shape=(None, n), schema=None, unit="logit of the probability"),
            OutputCard(name="strength", shape=(None, n), schema=None, unit="share of the strongest unit, 0–1"),
            OutputCard(name="spread", shape=(None, n), schema=None, unit="standard deviation of the strength"),
        ),
        precision="f32",
        training=TrainingCard(
            command="python -m mien.lab.train.expression_graph --out FOLDER",
            data=(
                DataCard(
                    name="EMFACS prototypes and variants, published tables",
                    licence="facts",
                    use="training: units of the macro-expressions",
                ),
                DataCard(
                    name="aggregated unit statistics of CASME II, CAS(ME)2, CAS(ME)3, DFME, SAMM label tables",
                    licence="aggregated figures; the datasets are for research by agreement",
                    use="training: units of the micro-expressions, units that go together",
                ),
            ),
        ),
        scores=tuple(scores),
        limits=(
            "Prototypes and statistics of labelled clips, not recordings: what a person would do is not known to it.",
            "Emotion names of micro-expression datasets do not mean the same everywhere; micro-expressions of one "
            "name look less alike than macro-expressions.",
            "No lids, gaze or head: blinks, eyes and head are added beside it.",
        ),
    )


def main(arguments: list[str] | None = None) -> int:
    """Draw sets, train, export, measure, write the card with the scores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", type=int, default=SETS)
    parser.add_argument("--steps", type=int, default=STEPS)
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    asked, levels = drawn_sets(1, given.sets)
    new = drawn_sets(2, max(given.sets // 8, 200))
    rows = []
    nets = {name: train(asked, levels, given.steps, linked=name == "graph") for name in ("graph", "without links")}
    for name, net in nets.items():
        value = round(held_out(net, *new), 4)
        rows.append(
            Score(
                metric=f"loss per undecided unit, {name}",
                value=value,
                protocol="sets that were not trained on, random part decided",
                data="drawn sets",
                support=len(new[0]),
            )
        )
        sys.stderr.write(f"{name}: {value}\n")
    example = torch.zeros(2, STATE * len(UNITS) + ASKED)
    export(nets["graph"], example, given.out, facts(rows, given.out.name))
    graph = ExpressionGraph(str(given.out.resolve()))
    try:
        r, count = co_occurrence(graph, new[0][:1000], new[1][:1000], 3)
    finally:
        graph.close()
    rows.append(
        Score(
            metric="correlation of co-occurrence over pairs of units",
            value=round(r, 4),
            protocol="drawn by the network against sets that were not trained on, same questions",
            data="drawn sets",
            support=count,
        )
    )
    sys.stderr.write(f"co-occurrence r {r:.4f}\n")
    export(nets["graph"], example, given.out, facts(rows, given.out.name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
