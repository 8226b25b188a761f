"""The card of the landmark solver: what the numbers mean and where the model fails."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mien.action_units.features import FEATURES
from mien.runtime.card import CardFacts, DataCard, InputCard, OutputCard, Score, TrainingCard
from mien.runtime.store import write_card

VERSION = "1"
_LIMITS = (
    "Not measurable from 98 landmarks: tongueOut, jawForward (never given). eyeLook* come from the gaze stage.",
    "Weakly visible: see the scores per shape. A shape's confidence is at most its correlation on held-out faces.",
    "Until about two seconds of a calm face were seen, the person's neutral is unknown and lids, brows and mouth "
    "corners carry the person's own shape.",
    "Beyond 50 degrees of yaw the hidden side is not measured.",
    "jawOpen, mouthSmile and the brows are amplified by 1.2 to 1.45, set by eye on a few clips of people.",
    "A hand before the mouth is not noticed: the landmarks guess what is behind it, and so do the shapes.",
    "Learned from a rig, not from people scored by FACS coders: intensities are the rig's, not a coder's.",
)


def write_solver_card(
    folder: Path, scores: Mapping[str, tuple[float, float, float]], support: int, *, with_gap: bool
) -> None:
    """Write `card.json` beside `model.onnx`.

    Args:
        folder: the model folder.
        scores: shape → (correlation, correlation with unknown neutral, mean absolute error).
        support: held-out faces behind them.
        with_gap: the backend's mean difference from the rig was measured on photos.
    """
    protocol = "faces of identities not trained on, random poses, expressions and backend differences; neutral "
    rows = []
    for name, (known, unknown, mae) in scores.items():
        rows.append(_score(f"correlation {name}", known, protocol + "known", support))
        rows.append(_score(f"correlation {name}", unknown, protocol + "unknown", support))
        rows.append(_score(f"mean absolute error {name}", mae, protocol + "known", support))
    data = [DataCard(name="ICT-FaceKit, light version", licence="MIT", use="rig for synthetic samples")]
    if with_gap:
        use = "mean landmark offset between the MediaPipe backend and the rig"
        data.append(DataCard(name="SFHQ-dataset (generated faces)", licence="MIT", use=use))
    facts = CardFacts(
        name="landmark-solver",
        version=VERSION,
        task="98 facial landmarks and head turn to ARKit-52 blendshape weights",
        licence="Apache-2.0",
        inputs=(
            InputCard(
                name="features",
                shape=(None, FEATURES),
                recipe="mien.action_units.features.features: front view minus mean face, front view minus the "
                "person's neutral, yaw and pitch in radians, 1 if the neutral is known",
            ),
        ),
        outputs=(
            OutputCard(name="weights", shape=(None, 52), schema="arkit52", unit="weight, 0–1"),
            OutputCard(name="turn_offset", shape=(2,), schema=None, unit="radians to take off yaw and pitch first"),
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
            command="python -m mien.lab.train.landmark_solver --rig FOLDER --gap gap.npz --out FOLDER",
            data=tuple(data),
        ),
        scores=tuple(rows),
        limits=_LIMITS,
    )
    write_card(folder, facts)


def _score(metric: str, value: float, protocol: str, support: int) -> Score:
    data = "projections of the ICT rig"
    return Score(metric=metric, value=round(value, 3), protocol=protocol, data=data, support=support)
