"""Train the single-shot detector as a recipe says, on the scenes that the cascade learns from.

    python -m mien.lab.train.ssd --config recipes/detector-ssd.toml --out RUN --set fer2013=FILE --set sfhq=FOLDER \\
        --set drawn=FOLDER --set backgrounds=FOLDER [--set turned_sfhq=FOLDER …] [--export FOLDER/ssd-face]

The same command goes on where the run stopped. --export writes a model folder with the best weights; --size shows it
larger pictures than it was trained on: it is convolutional, its anchors keep their px.
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import torch
from torch import Tensor, nn

from mien.errors import ConfigError
from mien.lab.export import export
from mien.lab.models.ssd import Ssd, SsdSpec, anchors_of
from mien.lab.train.checkpoints import read_checkpoint
from mien.lab.train.detector_export import DATA
from mien.lab.train.detector_scene_faces import SIZE, Sources
from mien.lab.train.detector_scenes import make_scene
from mien.lab.train.detector_sources import WORDS, Places, read_sources
from mien.lab.train.detector_ssd import SmallScene, SsdTask, small_scene
from mien.lab.train.loop import BEST, Run, Schedule
from mien.lab.train.recipe import SSD_KEYS, places_of, read_recipe, settings
from mien.runtime.card import CardFacts, InputCard, ModelCard, OutputCard, TrainingCard

log = logging.getLogger(__name__)

_WHOLE_PX = 32
"""A side that is no multiple of it has other numbers of anchors and of answers."""
_HELD_OUT_FIRST = 11_000_000


@dataclass(frozen=True, slots=True)
class ScenesSpec:
    """Which scenes.

    Attributes:
        scenes: first and last (not included) number of those that are learnt from.
        held_out_scenes: how many of held-out material judge.
        turned: words of turned faces that are portraits of the scenes too (`detector_sources.WORDS`).
        least_part: side of the smallest square that is cut out of a scene anew for every batch, 0–1; 1 = all of it.
    """

    scenes: tuple[int, int] = (30000, 32000)
    held_out_scenes: int = 100
    turned: tuple[str, ...] = ()
    least_part: float = 1.0


class _Decoded(nn.Module):
    """Probabilities and boxes, for tracing."""

    def __init__(self, net: Ssd) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        answer = self.net(x)
        return torch.sigmoid(answer.logits), self.net.decoded(answer)


def export_ssd(net: Ssd, folder: Path, command: str) -> ModelCard:
    """The detector as a model folder, named as the folder."""
    size, anchors = net.spec.size_px, len(anchors_of(net.spec))
    facts = CardFacts(
        name=folder.name,
        version="1",
        task="faces in one look at a picture (SSD): the baseline of the cascade",
        licence="Apache-2.0",
        inputs=(
            InputCard(
                name="image",
                shape=(1, 3, size, size),
                recipe="RGB, (x − 127.5) / 128; the picture fitted into the top-left corner, see mien.detect.ssd",
            ),
        ),
        outputs=(
            OutputCard(name="scores", shape=(1, anchors), schema=None, unit="probability of a face"),
            OutputCard(
                name="boxes", shape=(1, anchors, 4), schema=None, unit="left, top, right, bottom, 0–1 of the input"
            ),
        ),
        training=TrainingCard(command=command, data=DATA),
        limits=("A baseline: the cascade finds more, above all small faces.",),
    )
    return export(_Decoded(net), torch.zeros(1, 3, size, size), folder, facts)


def main(arguments: list[str] | None = None) -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--set", action="append", default=[], metavar="WORD=PLACE", dest="places")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--export", type=Path, help="a folder for the model, e.g. …/ssd-face")
    parser.add_argument("--size", type=int, help="side of the exported model's input, a multiple of 32 px")
    options = parser.parse_args(arguments)
    if options.size is not None and (options.size <= 0 or options.size % _WHOLE_PX):
        raise ConfigError(f"--size {options.size}: a multiple of {_WHOLE_PX} px is needed")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    recipe = read_recipe(options.config, SSD_KEYS)
    folders = {k: Path(v) for k, v in places_of(options.places, WORDS).items()}
    schedule = settings(Schedule, {"batch": 16, **recipe.get("schedule", {})})
    torch.manual_seed(schedule.seed)
    net, spec = Ssd(settings(SsdSpec, recipe.get("model", {}))), settings(ScenesSpec, recipe.get("data", {}))
    places = Places(folders, frozenset(recipe.get("held_out", ())), options.out)
    held = range(_HELD_OUT_FIRST, _HELD_OUT_FIRST + spec.held_out_scenes)
    small = net.spec.size_px
    size = small if spec.least_part == 1 else SIZE  # what is cut out must be as sharp as the rest
    scenes, held_out = (
        _scenes(read_sources(places, split, spec.turned), numbers, px)
        for split, numbers, px in (("train", range(*spec.scenes), size), ("val", held, small))
    )
    how = schedule.batch, schedule.seed, schedule.half
    task = SsdTask(net, net.spec, scenes, held_out, *how, least_part=spec.least_part)
    run = Run(task, schedule, options.out, {name: dict(recipe.get(name, {})) for name in ("model", "data")})
    if run.resume():
        log.info("going on at step %d", run.step)
    log.info("%d scenes; best score %.4g", len(scenes), run.train())
    if options.export is not None:
        shown = Ssd(replace(net.spec, size_px=options.size or net.spec.size_px))
        shown.load_state_dict(read_checkpoint(options.out / BEST)["net"])
        export_ssd(shown, options.export, f"python -m mien.lab.train.ssd --config {options.config}")


def _scenes(sources: Sources, numbers: range, size_px: int) -> list[SmallScene]:
    return [small_scene(make_scene(sources, n), size_px) for n in numbers]


if __name__ == "__main__":
    main()
