"""The trained pixel reader as a model folder, with how much of each shape it is worth beside the landmark solver.

    python -m mien.lab.train.shape_export --run RUN --val VAL [--val MORE] --out src/mien/models/shape-pixels

VAL are sets of people that nothing was trained on, made with --readings. Of each shape the mixture of both readers that
correlates best there is chosen; left and right are one shape in this.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mien.action_units.face_crop import HALF, HEIGHT
from mien.action_units.features import FEATURES
from mien.core.arrays import Float32
from mien.core.schema import load_schema
from mien.errors import RequestError
from mien.lab.export import export, parity
from mien.lab.metrics.agreement import pearson_r
from mien.lab.models.shape_reader import ShapeReader, ShapeReaderSpec
from mien.lab.train.checkpoints import read_checkpoint
from mien.lab.train.loop import BEST
from mien.lab.train.recipe import settings
from mien.lab.train.shape_groups import AT_REST
from mien.lab.train.shape_growth import FIRST, blended
from mien.lab.train.shape_set import ShapeSet
from mien.lab.train.shape_task import answers
from mien.lab.train.shapes import mean_face
from mien.runtime.card import CardFacts, DataCard, InputCard, ModelCard, OutputCard, Score, TrainingCard

log = logging.getLogger(__name__)

_ARKIT = load_schema("arkit52")
_STEPS = np.linspace(0.0, 1.0, 21)
_LEAST_R = 0.15
"""A shape that correlates less is not given at all."""
MOST_SHARE = {"jawOpen": 0.3, "mouthSmile": 0.5, "browInnerUp": 0.8}
"""Shapes that on the demo clip, a real portrait, the fourth reader's pixels follow worse than the landmarks (jawOpen
r 0.67 against 0.93, mouthSmile 0.87 against 0.92: moved portraits hardly teach an open mouth), or less far (browInnerUp
0.75 against 0.92 of the full movement). Lowered corners and outer brows, which were limited with earlier readers, they
follow farther (r 0.97 and 0.89 against 0.93 and 0.96)."""
_DATA = (
    DataCard(name="ICT-FaceKit, light version", licence="MIT", use="training, validation: rig for drawn faces"),
    DataCard(name="MakeHuman head", licence="CC0, MIT", use="training, validation: rig for drawn faces"),
    DataCard(name="VALID avatars", licence="MIT", use="training, validation: rig for drawn faces"),
    DataCard(name="built-in portrait (NASA)", licence="public domain", use="training, validation: rig, drawn faces"),
    DataCard(name="SFHQ-dataset (generated faces)", licence="MIT", use="training: portraits moved by the rigs"),
)
_LIMITS = (
    "Belongs to the points of landmarks/hrnet98 and to the landmark solver: they place the crop and say what is calm.",
    "Learned from rigs and moved portraits, not from people scored by FACS coders: intensities are the rigs'.",
    "What only drawn faces show (tongueOut, jawForward, wide open mouths, gaze) was never seen on real skin.",
    "Until about two seconds of a calm face were seen, what belongs to the person's own face is read as expression.",
)


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """(52,) each: share of the pixels, and correlations of the mixture, the pixels and the landmarks."""

    share: Float32
    r: Float32
    r_pixels: Float32
    r_landmarks: Float32


class _Exported(nn.Module):
    """(2, 3, H, W) and (2, FEATURES) → the three answers, (52,) each, and the constants."""

    share: Tensor
    reliability: Tensor

    def __init__(self, net: ShapeReader, mixture: Mixture) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("share", torch.from_numpy(mixture.share))
        self.register_buffer("reliability", torch.from_numpy(np.where(mixture.r < _LEAST_R, 0.0, mixture.r)).float())

    def forward(self, image: Tensor, features: Tensor) -> tuple[Tensor, ...]:
        stranger, familiar, own = self.net(image[None], features[None])
        nothing = stranger[0] * 0.0  # constants must come out of the graph
        return stranger[0], familiar[0], own[0], self.share + nothing, self.reliability + nothing


def fit_mixture(truth: Float32, pixels: Float32, landmarks: Float32) -> Mixture:
    """Of (N, 52) truth and readings; NaN = not known or not measured.

    A shape that the landmarks never measured comes from the pixels alone; one whose truth never moves keeps share 0.
    """
    n = truth.shape[1]
    out = [np.zeros(n, np.float32) for _ in range(4)]
    for k in range(n):
        both = sorted({k, int(_ARKIT.mirror[k])})
        t, p, q = (x[:, both].ravel() for x in (truth, pixels, landmarks))
        alone = not np.isfinite(q).any()
        known = np.isfinite(t) & np.isfinite(p) & (alone | np.isfinite(q))
        if known.sum() < 20 or np.ptp(t[known]) < 0.1:
            continue
        t, p, q = t[known], p[known], q[known]
        q = np.zeros_like(p) if alone else q
        most = next((v for start, v in MOST_SHARE.items() if _ARKIT.names[k].startswith(start)), 1.0)
        steps = [s for s in _STEPS if s <= most + 1e-6]
        share = 1.0 if alone else float(steps[int(np.argmax([_r(t, s * p + (1 - s) * q) for s in steps]))])
        readings = (share * p + (1 - share) * q, p, q)
        for row, value in zip(out, (share, *(_r(t, x) for x in readings)), strict=True):
            row[k] = value
    return Mixture(*out)


def _r(truth: Float32, found: Float32) -> float:
    value = pearson_r(truth, found).value
    return 0.0 if np.isnan(value) else max(0.0, float(value))


def load_reader(checkpoint: Path) -> tuple[ShapeReader, Mapping[str, Any]]:
    """The network of a run and what its checkpoint says.

    Raises:
        ModelError: it cannot be read.
    """
    state = read_checkpoint(checkpoint)
    net = ShapeReader(settings(ShapeReaderSpec, state["facts"]["model"]))
    net.load_state_dict(state["net"])
    net.eval()
    return net, state


def export_reader(
    net: ShapeReader, mixture: Mixture, folder: Path, support: int, origin: TrainingCard, version: str = "1"
) -> ModelCard:
    """Write the model folder.

    Args:
        net: trained.
        mixture: of `fit_mixture`.
        folder: its name is the model's.
        support: faces behind the scores.
        origin: how it was trained.
        version: for the card.
    """
    rows = []
    readers = (("both readers", mixture.r), ("pixels", mixture.r_pixels), ("landmarks", mixture.r_landmarks))
    for k, name in enumerate(_ARKIT.names):
        for title, r in readers:
            metric = f"correlation {name}, {title}"
            protocol = "drawn people not trained on; face at rest known; shares chosen on the same faces"
            value = round(float(r[k]), 3)
            rows.append(
                Score(metric=metric, value=value, protocol=protocol, data="drawn faces, 4 rigs", support=support)
            )
    names = ("stranger", "familiar", "own")
    told = {
        "stranger": "logit of the weight, nothing known of the face at rest",
        "familiar": "logit: weight = sigmoid(familiar - own of the face at rest)",
        "own": "logit of the face itself: its mean over calm frames is what familiar is compared with",
        "share": "0–1, how much of a shape comes from the pixels",
        "reliability": "correlation of both readers together on held-out faces; 0 = not measured",
    }
    facts = CardFacts(
        name=folder.name,
        version=version,
        task="aligned face crop to ARKit-52 blendshape weights",
        licence="Apache-2.0",
        inputs=(
            InputCard(
                name="image",
                shape=(2, 3, HEIGHT, HALF),
                recipe="mien.action_units.face_crop: left half mirrored, right half; RGB, standardised by grey",
            ),
            InputCard(
                name="features",
                shape=(2, FEATURES),
                recipe="mien.action_units.features.features of landmarks/hrnet98: without and with the face at rest; "
                "twice without if it is not known",
            ),
        ),
        outputs=tuple(
            OutputCard(name=n, shape=(52,), schema="arkit52", unit=told[n]) for n in (*names, "share", "reliability")
        ),
        training=origin,
        scores=tuple(rows),
        limits=_LIMITS,
    )
    return export(_Exported(net, mixture), _example(), folder, facts)


def _readings(net: ShapeReader, folder: Path) -> tuple[Float32, Float32, Float32]:
    """(N, 52) truth and what pixels and landmarks say of the faces of a set.

    Raises:
        RequestError: it was made without readings.
    """
    faces = ShapeSet(folder)
    if faces.read is None or not np.isfinite(faces.read).any():
        raise RequestError(f"{folder}: holds no readings of the landmark solver: make it with --readings")
    truth, pixels, _ = answers(net, faces, mean_face(), half=False)
    return truth, pixels, faces.read[faces.usable, AT_REST:].reshape(-1, len(_ARKIT))


def _example() -> tuple[Tensor, Tensor]:
    chance = torch.Generator().manual_seed(1)
    return torch.randn(2, 3, HEIGHT, HALF, generator=chance), 0.05 * torch.randn(2, FEATURES, generator=chance)


def main(arguments: Sequence[str] | None = None) -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--val", type=Path, required=True, action="append", help="may be given again: all together")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--recipe", default="recipes/pixel-shapes.toml", help="that the run followed, for the card")
    parser.add_argument("--commit")
    parser.add_argument("--version", default="1")
    parser.add_argument("--first", type=float, default=0.0, help="0-1: share of the weights that the run began with")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    net, state = load_reader(given.run / BEST)
    if given.first:
        net.load_state_dict(blended(read_checkpoint(given.run / FIRST)["net"], state["net"], given.first))
    truth, pixels, landmarks = (
        np.concatenate(rows) for rows in zip(*(_readings(net, v) for v in given.val), strict=True)
    )
    mixture = fit_mixture(truth, pixels, landmarks)
    command = f"python -m mien.lab.train.shapes --config {given.recipe} --out RUN --start … --set … (see there)"
    origin = TrainingCard(command=command, commit=given.commit, data=_DATA)
    card = export_reader(net, mixture, given.out, len(truth), origin, given.version)
    for k, name in enumerate(_ARKIT.names):
        values = mixture.share[k], mixture.r[k], mixture.r_pixels[k], mixture.r_landmarks[k]
        log.info("%-20s share %.2f  r %.2f  pixels %.2f  landmarks %.2f", name, *values)
    gaps = parity(_Exported(net, mixture), _example(), given.out)
    log.info("%s: %.1f MB, largest differences %s", card.id, card.bytes / 1e6, gaps)


if __name__ == "__main__":
    main()
