"""Sheets of what expression networks make of faces: PF-ViT's poker face, HMTL's restored puzzle, PSR's larger face."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from mien.core.arrays import UInt8
from mien.lab.datasets.dataset import open_dataset
from mien.lab.datasets.sheet import grid, write_sheet
from mien.lab.evaluate.expression import Request
from mien.lab.evaluate.expression_clip_readers import looks_at_clips
from mien.lab.evaluate.expression_parts import measured
from mien.lab.evaluate.expression_readers import load_net
from mien.lab.models.expression.answer import ExpressionNetwork
from mien.lab.train.expression_faces import read_faces
from mien.lab.train.expression_plan import classes_of
from mien.lab.train.expression_points import points_of
from mien.lab.train.landmark_task import normalised
from mien.runtime.pixels import MEAN_RGB, STD_RGB

COUNT = 8
"""Faces of a sheet."""
_TILE_PX = 128


def write_pictures(request: Request, folder: Path) -> list[Path]:
    """One sheet `pictures-RUN.png` for each checkpoint among the models that makes pictures; a row each: the face, then
    what the network makes of it (`ExpressionNetwork.pictures`). None where clips are looked at.

    Args:
        request: as for `evaluate`; its faces, evenly spread, at most `COUNT`.
        folder: exists.

    Raises:
        RequestError, SourceError, ModelError: as `evaluate`.
        SinkError: a sheet cannot be written.
    """
    if any(looks_at_clips(word) for word in request.models):
        return []  # the data are clips then
    nets = dict(_makers(request.models))
    if not nets:
        return []
    dataset = open_dataset(request.data)
    samples = measured(dataset, request.split, COUNT)
    points = points_of(samples, request.points) if request.aligned else None
    faces = read_faces(samples, classes_of([dataset], ()), points)
    out = []
    for word, (net, size) in nets.items():
        shown = [faces.crop(i, size) for i in range(len(faces))]
        out.append(folder / f"pictures-{Path(word).parent.name}.png")
        write_sheet(sheet_of(net, shown), out[-1])
    return out


def sheet_of(net: ExpressionNetwork, shown: Sequence[UInt8]) -> UInt8:
    """(rows · 128, columns · 128, 3) uint8 RGB, a row for each (S, S, 3) uint8 face."""
    torch.manual_seed(1)  # puzzles are shuffled by chance
    with torch.inference_mode():
        made = net.pictures(net(normalised(torch.from_numpy(np.stack(shown)))))
    tiles: list[UInt8 | None] = []
    for i, face in enumerate(shown):
        tiles += [_tile(face), *(_tile(_rgb(picture[i])) for picture in made.values())]
    return grid(tiles, _TILE_PX, 1 + len(made))


def _makers(words: Sequence[str]) -> Iterator[tuple[str, tuple[ExpressionNetwork, int]]]:
    """Checkpoints of networks that make pictures, with the side of their input."""
    for word in words:
        if word.endswith(".pt"):
            net, facts = load_net(Path(word))
            if type(net).pictures is not ExpressionNetwork.pictures:
                yield word, (net, int(facts["task"]["input_px"]))


def _rgb(picture: Tensor) -> UInt8:
    """(3, H, W) normalised → (H, W, 3) uint8."""
    values = picture.float().permute(1, 2, 0).numpy() * np.array(STD_RGB) + np.array(MEAN_RGB)
    return np.asarray(np.clip(values.round(), 0, 255), np.uint8)


def _tile(picture: UInt8) -> UInt8:
    return np.asarray(cv2.resize(picture, (_TILE_PX, _TILE_PX), interpolation=cv2.INTER_LINEAR), np.uint8)
