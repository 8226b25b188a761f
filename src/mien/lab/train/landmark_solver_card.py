"""The card of the landmark solver: what the numbers mean and where the model fails."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from mien.action_units.features import FEATURES
from mien.lab.synth.landmark_projection import MAX_YAW_DEG
from mien.lab.train.landmark_evidence import BROADEST_SMILE, HIGHEST_GAIN, TARGET
from mien.runtime.card import CardFacts, DataCard, InputCard, OutputCard, Score, TrainingCard
from mien.runtime.store import write_card

VERSION = "3"
_LIMITS = (
    "Not measurable from 98 landmarks: tongueOut, jawForward (never given). eyeLook* come from the gaze stage.",
    "Weakly visible: see the scores per shape. A shape's confidence is at most its correlation on held-out faces.",
    "Until about two seconds of a calm face were seen, the person's neutral is unknown and lids, brows and mouth "
    "corners carry the person's own shape.",
    f"Beyond {MAX_YAW_DEG:.0f} degrees of yaw the hidden side is not measured.",
    "Belongs to the points of one backend and to one metric face (see the input's recipe): another backend or metric "
    "face needs another training.",
    "A hand before the mouth is not noticed: the landmarks guess what is behind it, and so do the shapes.",
    "Learned from a rig, not from people scored by FACS coders: intensities are the rig's, not a coder's.",
)
_DATA = (
    DataCard(name="ICT-FaceKit, light version", licence="MIT", use="training: rig for synthetic samples"),
    DataCard(name="MakeHuman head", licence="CC0, MIT", use="training: how its people move differently"),
    DataCard(name="VALID avatars", licence="MIT", use="training: how its people move differently"),
    DataCard(
        name="SFHQ-dataset (generated faces)",
        licence="MIT",
        use="training: mean offset of the backend's landmarks from the rig; limits of calm",
    ),
    DataCard(
        name="built-in portrait (NASA)",
        licence="public domain",
        use="training: how it moves differently, gains, thresholds of the lids",
    ),
)


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the weights come from.

    Attributes:
        commit: of the code they were trained with, or None.
        gains: shape → what it was amplified by after the calibration.
        stranger_smile: the same for mouthSmile where the neutral is unknown.
        backend: the landmark stage whose points the gap and the zero of pitch belong to.
    """

    commit: str | None
    gains: Mapping[str, float]
    stranger_smile: float
    backend: str


def metric_face_sha256() -> str:
    """SHA-256 of what the shipped metric face says; comments and layout of the file do not matter."""
    text = (files("mien.landmarks") / "metric_face.toml").read_text(encoding="utf-8")
    return hashlib.sha256(json.dumps(tomllib.loads(text), sort_keys=True).encode()).hexdigest()


def write_solver_card(
    folder: Path, scores: Mapping[str, tuple[float, float, float]], support: int, origin: Provenance
) -> None:
    """Write `card.json` beside `model.onnx`.

    Args:
        folder: the model folder.
        scores: shape → (correlation, correlation with unknown neutral, mean absolute error).
        support: held-out faces behind them.
        origin: where the weights come from.
    """
    protocol = "faces of identities not trained on, random poses, expressions and backend differences; neutral "
    rows = []
    for name, (known, unknown, mae) in scores.items():
        rows.append(_score(f"correlation {name}", known, protocol + "known", support))
        rows.append(_score(f"correlation {name}", unknown, protocol + "unknown", support))
        rows.append(_score(f"mean absolute error {name}", mae, protocol + "known", support))
    facts = CardFacts(
        name=folder.name,
        version=VERSION,
        task="98 facial landmarks and head turn to ARKit-52 blendshape weights",
        licence="Apache-2.0",
        inputs=(
            InputCard(
                name="features",
                shape=(None, FEATURES),
                recipe="mien.action_units.features.features: front view minus mean face, front view minus the "
                "person's neutral, yaw and pitch in radians, 1 if the neutral is known; "
                f"backend={origin.backend}; metric_face sha256={metric_face_sha256()}",
            ),
        ),
        outputs=(
            OutputCard(name="weights", shape=(None, 52), schema="arkit52", unit="weight, 0–1"),
            OutputCard(name="turn_offset", shape=(2,), schema=None, unit="radians to take off yaw and pitch first"),
            OutputCard(name="lids", shape=(2,), schema=None, unit="opening of shut and open lids, 1 = at rest"),
            OutputCard(name="reference", shape=(98, 3), schema=None, unit="mean face; outer eye corners are 1 apart"),
            OutputCard(
                name="reliability",
                shape=(52,),
                schema=None,
                unit="correlation on held-out faces; 0 = not measured",
            ),
        ),
        precision="f32",
        training=TrainingCard(
            command="python -m mien.lab.train.landmark_solver --rig FOLDER --gap gap.npz --habits habits.npz "
            "--out FOLDER",
            commit=origin.commit,
            data=_DATA,
        ),
        scores=tuple(rows),
        limits=(*_LIMITS, *_amplified(origin)),
    )
    write_card(folder, facts)


def _amplified(origin: Provenance) -> tuple[str, ...]:
    if not origin.gains:
        return ()
    gains = ", ".join(f"{name} {gain:.2f}" for name, gain in origin.gains.items())
    return (
        f"Amplified so that the built-in portrait's full shape reads {TARGET} (by {HIGHEST_GAIN} at most): {gains}. "
        f"With the neutral unknown mouthSmile is multiplied by {origin.stranger_smile:.2f}, so that the 95th "
        f"percentile of generated portraits reads {BROADEST_SMILE}.",
    )


def _score(metric: str, value: float, protocol: str, support: int) -> Score:
    data = "projections of the ICT rig"
    return Score(metric=metric, value=round(value, 3), protocol=protocol, data=data, support=support)
