"""Model folder of the micro-expression spotter: ONNX and card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from mien.core.schema import load_schema
from mien.lab.export import export
from mien.lab.models.spotter_mlp import SpotterMlp
from mien.micro.decision import EMOTIONS, KINDS, width
from mien.runtime.card import CardFacts, DataCard, InputCard, OutputCard, Score, TrainingCard

if TYPE_CHECKING:
    from mien.lab.train.micro_spotter import Examples

VERSION = "1"
_RIGS: Mapping[str, tuple[str, str]] = {
    "ict": ("ICT-FaceKit, light version", "MIT"),
    "makehuman": ("MakeHuman head", "CC0, MIT"),
    "valid": ("VALID avatars", "MIT"),
    "builtin": ("Mien's own character", "Apache-2.0"),
}
_LIMITS = (
    "Learned from made movement, not from films of people: not validated on any real micro-expression dataset.",
    "Below 50 frames per second many micro-expressions are missed; below 25 nothing should be asked.",
    "A blink, a turn of the head or speech at the same moment hides a micro-expression, or makes one up.",
    "Faint movement on smooth or dark skin in a small picture drowns in the camera's noise; faces should have at least "
    "80 px between the outer eye corners.",
    "The emotion is read from the action units alone, with the frequencies of published datasets; it is a guess.",
    "Landmarks without pixels (recorded takes) show only the stronger movements.",
)


def write(net: SpotterMlp, folder: Path, data: Examples, rigs: Sequence[str], scores: Sequence[Score] = ()) -> None:
    """Write the model.

    Args:
        net: trained.
        folder: to write.
        data: it was trained on; its numbers go into the card.
        rigs: names of those whose people performed.
        scores: measured on other clips.
    """
    counts = np.bincount(data.kinds, minlength=len(KINDS)).tolist()
    facts = CardFacts(
        name=folder.name,
        version=VERSION,
        task="candidate movement of a face to micro-expression, macro-expression or neither, with units and emotion",
        licence="Apache-2.0",
        inputs=(
            InputCard(name="rows", shape=(None, width()), recipe="mien.micro.decision.rows_of; frames of any rate"),
        ),
        outputs=(
            OutputCard(name="kinds", shape=(None, len(KINDS)), schema=None, unit=f"probability: {', '.join(KINDS)}"),
            OutputCard(
                name="units",
                shape=(None, len(load_schema("facs"))),
                schema="facs",
                unit="probability that it took part",
            ),
            OutputCard(
                name="emotions", shape=(None, len(EMOTIONS)), schema=None, unit=f"probability: {', '.join(EMOTIONS)}"
            ),
        ),
        precision="f32",
        training=TrainingCard(
            command="python -m mien.lab.train.micro_spotter --rig ict:FOLDER --rig makehuman:FOLDER --rig valid:FOLDER "
            f"--out FOLDER ({len(data.kinds)} candidates: {counts[1]} micro, {counts[2]} macro)",
            data=tuple(DataCard(name=_RIGS[r][0], licence=_RIGS[r][1], use="training: performers") for r in rigs),
        ),
        scores=tuple(scores),
        limits=_LIMITS,
    )
    export(net, torch.from_numpy(data.rows[:2]), folder, facts)
