"""Model folder of the micro-expression spotter: ONNX and card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from mien.core.schema import load_schema
from mien.lab.export import export
from mien.lab.models.spotter_net import SpotterNet
from mien.micro.decision import EMOTIONS, KINDS, SPANS
from mien.micro.signals import width
from mien.runtime.card import CardFacts, DataCard, InputCard, OutputCard, Score, TrainingCard

if TYPE_CHECKING:
    from mien.lab.train.micro_spotter_clips import Clip

VERSION = "3"
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
    "Which side a unit took part on is told for AU2, 10, 12, 14, 15 and 20, from the movement of both sides; others "
    "are nearly always told on both.",
    "Brief grimaces that are not faint are told as macro-expressions: what moves a region by more than 5 % of the eye "
    "distance is never micro.",
    "Landmarks without pixels (recorded takes) show only the stronger movements.",
)


def write(
    net: SpotterNet, folder: Path, clips: Sequence[Clip], rigs: Sequence[str], scores: Sequence[Score] = ()
) -> None:
    """Write the model.

    Args:
        net: trained.
        folder: to write.
        clips: it was trained on; their numbers go into the card.
        rigs: names of those whose people performed.
        scores: measured on other clips.
    """
    kinds = [e.kind for c in clips for e in c.expressions]
    minutes = sum(c.seconds for c in clips) / 60
    facts = CardFacts(
        name=folder.name,
        version=VERSION,
        task="movement of a face over time to micro- and macro-expressions with their times, units and emotion",
        licence="Apache-2.0",
        inputs=(
            InputCard(
                name="rows",
                shape=(1, None, width()),
                recipe="rows of mien.micro.signals.signals_of, one every 20 ms; frames of any rate",
            ),
        ),
        outputs=(
            OutputCard(name="kinds", shape=(1, None, len(KINDS)), schema=None, unit=f"probability: {', '.join(KINDS)}"),
            OutputCard(
                name="spans", shape=(1, None, len(SPANS)), schema=None, unit=f"s, s, share 0–1: {', '.join(SPANS)}"
            ),
            OutputCard(
                name="units",
                shape=(1, None, len(load_schema("facs"))),
                schema="facs",
                unit="probability that it took part",
            ),
            OutputCard(
                name="emotions",
                shape=(1, None, len(EMOTIONS)),
                schema=None,
                unit=f"probability: {', '.join(EMOTIONS)}",
            ),
        ),
        precision="f32",
        training=TrainingCard(
            command="python -m mien.lab.train.micro_spotter --rig ict:FOLDER --rig makehuman:FOLDER --rig valid:FOLDER "
            f"--out FOLDER and the numbers of recipes/micro-spotter.md ({len(clips)} clips, {minutes:.0f} minutes, "
            f"{kinds.count('micro')} micro, {kinds.count('macro')} macro)",
            data=tuple(DataCard(name=_RIGS[r][0], licence=_RIGS[r][1], use="training: performers") for r in rigs),
        ),
        scores=tuple(scores),
        limits=_LIMITS,
    )
    export(net, torch.from_numpy(clips[0].rows[None, :200]).float(), folder, facts)
