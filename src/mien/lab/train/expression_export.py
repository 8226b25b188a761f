"""Make a model folder of a trained expression network: calibrated probabilities, ONNX in half precision, card, parity.

    python -m mien.lab.train.expression_export --checkpoint RUN/best.pt --name expression48 --out src/mien/models \
        --data fer2013:DIR --points RUN/points.npz --command "…"

The temperature is fitted on the part of the training faces that the run held out, never on validation data.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mien.errors import ModelError
from mien.lab.datasets.audio import BANDS, PATCH
from mien.lab.evaluate.expression_readers import load_net
from mien.lab.export import export, parity
from mien.lab.metrics.calibration import fit_temperature, reliability
from mien.lab.models.expression.answer import ExpressionNetwork
from mien.lab.train.expression_cards import FER2013, data_cards, limits_of
from mien.lab.train.expression_held_out import HeldOut, held_out_of, spec_of
from mien.lab.train.expression_plan import Request
from mien.runtime.card import CardFacts, DataCard, InputCard, ModelCard, OutputCard, Score, TrainingCard
from mien.runtime.store import read_card, write_card

log = logging.getLogger(__name__)

PARITY = 0.02
"""Largest difference of a probability that a backend's arithmetic may make; f32: a tenth of it."""
_RECIPE = (
    "RGB minus (123.675, 116.28, 103.53) over (58.395, 57.12, 57.375); the square of "
    "mien.expression.aligned: eye corners and nose laid over their mean places"
)
_CLIP = (
    f"{_RECIPE}; pictures spread evenly over the clip",
    "VGGish's log-mel (mien.lab.datasets.audio): one patch of 0.96 s around each picture; 0 without sound",
    "1 where the clip has sound, else 0",
)


class Calibrated(nn.Module):
    """The network as its card says: softmax(logits / T); for tracing."""

    def __init__(self, net: ExpressionNetwork, temperature: float) -> None:
        super().__init__()
        self.net, self.temperature = net, temperature
        self.train(net.training)

    def forward(self, *inputs: Tensor) -> Tensor:
        """(N, 3, S, S) normalised RGB, or what a network of clips takes → (N, C) probabilities."""
        return torch.softmax(self.net(*inputs).logits / self.temperature, dim=1)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where weights come from: training command, commit of the code, data, measured scores."""

    command: str
    commit: str | None = None
    data: tuple[DataCard, ...] = (FER2013,)
    scores: tuple[Score, ...] = ()


def export_expression(
    checkpoint: Path, name: str, out: Path, origin: Origin, held_out: HeldOut, version: str = "1"
) -> ModelCard:
    """Write OUT/NAME/model.onnx and card.json.

    Args:
        checkpoint: `best.pt` of a run.
        name: of the model.
        out: folder of models.
        origin: for the card.
        held_out: (N, C) uncalibrated probabilities and (N,) true classes of the faces that the run held out.
        version: for the card.

    Raises:
        ModelError: no such checkpoint, or a backend answers something else.
    """
    net, facts = load_net(checkpoint)
    size = int(facts["task"]["input_px"])
    schema = {7: "expression7", 8: "expression8"}.get(len(facts["classes"]))
    if schema is None and "clips" not in facts:
        raise ModelError(f"{checkpoint}: {len(facts['classes'])} classes; the runtime knows 7 or 8")
    temperature = _temperature(held_out)
    calibrated = Calibrated(net, temperature)
    inputs, example, what = _inputs(facts, size)
    scores = (*origin.scores, *_calibration(held_out, temperature))
    card = CardFacts(
        name=name,
        version=version,
        task=f"facial expression in {what}: {facts['model']['name']}, temperature {temperature:.3f}",
        licence="Apache-2.0",
        inputs=inputs,
        outputs=(
            OutputCard(name="probabilities", shape=(None, len(facts["classes"])), schema=schema, unit="probability"),
        ),
        training=TrainingCard(command=origin.command, commit=origin.commit, data=origin.data),
        scores=scores,
        limits=limits_of(facts, origin.data),
    )
    export(calibrated, example, out / name, card)
    gaps = {way: gap["probabilities"] for way, gap in parity(calibrated, example, out / name).items()}
    if max(gaps.values()) > PARITY:
        raise ModelError(f"{out / name}: probabilities differ from the checkpoint's: {gaps}")
    measured = [
        Score(metric="largest difference of a probability", value=v, protocol=f"parity, {w}", data="noise", support=2)
        for w, v in gaps.items()
    ]
    return write_card(out / name, card.model_copy(update={"scores": (*scores, *measured)}))


def _inputs(facts: Mapping[str, Any], size: int) -> tuple[tuple[InputCard, ...], tuple[Tensor, ...], str]:
    """The card's inputs, an example of them, and what the network looks at, in words."""
    chance = torch.Generator().manual_seed(1)
    if "clips" not in facts:
        card = InputCard(name="image", shape=(None, 3, size, size), recipe=_RECIPE)
        return (card,), (torch.randn(2, 3, size, size, generator=chance),), f"an aligned {size} px crop"
    t = int(facts["clips"]["moments"])
    shapes = {"image": (t, 3, size, size), "sound": (t, 1, PATCH, BANDS), "has_sound": ()}
    cards = tuple(
        InputCard(name=name, shape=(None, *shape), recipe=recipe)
        for (name, shape), recipe in zip(shapes.items(), _CLIP, strict=True)
    )
    examples = (*(torch.randn(2, *shapes[n], generator=chance) for n in ("image", "sound")), torch.tensor([1.0, 0.0]))
    return cards, examples, f"{t} aligned {size} px crops of a clip and the sound around them"


def add_scores(folder: Path, figures: Path, data: str) -> ModelCard:
    """Write the figures of `mien lab evaluate expression` (its first run) onto a card.

    Args:
        folder: of the model.
        figures: `figures.json`.
        data: what was measured on, in words.

    Raises:
        ModelError: no such model, or no such figures.
    """
    card = read_card(folder)
    try:
        run = json.loads(figures.read_text(encoding="utf-8"))["runs"][0]
        measured = tuple(
            Score(
                metric=name, value=float(run[key]), protocol=str(run["protocol"]), data=data, support=int(run["faces"])
            )
            for name, key in (("accuracy", "accuracy"), ("macro F1", "macro_f1"), ("expected calibration error", "ece"))
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise ModelError(f"{figures}: holds no figures of expression readers: {error}") from error
    kept = tuple(s for s in card.scores if s.data != data)
    return write_card(folder, card.model_copy(update={"scores": (*measured, *kept)}))


def _temperature(held_out: HeldOut) -> float:
    """The most likely temperature if it also lowers the expected calibration error there, else 1: a network that was
    taught on mixtures of faces is made likelier by sharpening, and overconfident."""
    found = fit_temperature(*held_out)
    before, after = (score.value for score in _calibration(held_out, found))
    return found if after < before else 1.0


def _calibration(held_out: HeldOut, temperature: float) -> tuple[Score, ...]:
    p, truth = held_out
    logits = np.log(np.maximum(p, 1e-12)) / temperature
    after = np.exp(logits - logits.max(axis=1, keepdims=True))
    after /= after.sum(axis=1, keepdims=True)
    where = {"protocol": "faces held out of training; the temperature was fitted on them", "data": "training data"}
    return tuple(
        Score(
            metric=f"expected calibration error, {when}", value=reliability(q, truth).ece, support=len(truth), **where
        )
        for when, q in (("before", p), ("after", after))
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--version", default="1")
    parser.add_argument("--data", action="append", required=True, help="NAME:PATH, as it was trained with")
    parser.add_argument("--points", type=Path)
    parser.add_argument("--held-out", type=float, help="share held out, of a run that does not say it itself")
    parser.add_argument("--command", required=True, help="how the weights were trained, for the card")
    parser.add_argument("--commit", help="of the code they were trained with")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    net, facts = load_net(given.checkpoint)
    spec = spec_of(facts, given.data, given.held_out)
    request = Request(tuple(given.data), given.checkpoint.parent, points=given.points)
    origin = Origin(given.command, given.commit, data_cards(given.data))
    held_out = held_out_of(request, spec, net, facts)
    card = export_expression(given.checkpoint, given.name, given.out, origin, held_out, given.version)
    for score in card.scores:
        log.info("%s: %.4g (%s)", score.metric, score.value, score.protocol)
    log.info("%s: %.2f MB", card.id, card.bytes / 1e6)


if __name__ == "__main__":
    main()
