"""Whether an exported landmark network finds the checkpoint's points, on the same faces and in every backend."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mien.core.arrays import Float32
from mien.errors import ModelError
from mien.lab.models.answers import LandmarkMaps, LandmarkPoints
from mien.lab.render.random_scene import Wishes
from mien.lab.train.augment import PLAIN, make_crop
from mien.lab.train.faces import RenderedFaces
from mien.lab.train.landmark_task import LandmarkSpec, normalised, read_points
from mien.runtime.card import Score
from mien.runtime.session import Precision, open_session
from mien.runtime.store import MODEL_FILE

WAYS: tuple[tuple[str, Precision], ...] = (("onnxruntime", "auto"), ("openvino", "f32"), ("openvino", "auto"))
MOST_PX = 0.1
"""Mean distance that is still the same network; single points may jump where a map has two maxima of one height."""
_FIRST_FACE = 90_000_000
"""Of the drawn faces: far from those that recipes train on."""
_DATA = "drawn faces of the built-in head, true crop"


def drawn_crops(size_px: int, count: int) -> Tensor:
    """(count, 3, size_px, size_px) float32 normalised crops with faces, the same ones every time: on noise, maxima jump
    from pixel to pixel."""
    faces = RenderedFaces("builtin", None, Wishes(size_px=192), range(_FIRST_FACE, _FIRST_FACE + count))
    rng = np.random.default_rng(0)
    images = [make_crop(faces.face(i), size_px, PLAIN, rng).image for i in range(count)]
    return normalised(torch.from_numpy(np.stack(images)))


def point_parity(net: nn.Module, spec: LandmarkSpec, folder: Path, crops: Tensor) -> dict[str, dict[str, float]]:
    """How far the points of an exported network lie from the network's own.

    Args:
        net: that was exported, ready to answer.
        spec: how it was taught.
        folder: of the model.
        crops: (N, 3, S, S) float32 normalised crops with faces.

    Returns:
        {"backend precision": {"mean": px, "worst": px}} in px of the crop, over all points.
    """
    with torch.inference_mode():
        wanted = read_points(net(crops), spec)
    content = (folder / MODEL_FILE).read_bytes()
    out = {}
    for backend, precision in WAYS:
        session = open_session(content, backend=backend, threads=1, precision=precision)
        try:
            found = session.run({"image": np.ascontiguousarray(crops.numpy())})
        finally:
            session.close()
        gap = np.linalg.norm(_points(found, spec) - wanted, axis=-1)
        out[f"{backend} {precision}"] = {"mean": float(gap.mean()), "worst": float(gap.max())}
    return out


def check_parity(gaps: Mapping[str, Mapping[str, float]], file: Path) -> None:
    """Raise `ModelError` unless every way of running the file finds the checkpoint's points (`MOST_PX`)."""
    for way, gap in gaps.items():
        if not gap["mean"] <= MOST_PX:
            raise ModelError(
                f"{file}: with {way} its points lie {gap['mean']:.2f} px from the checkpoint's, worst "
                f"{gap['worst']:.2f} px; {MOST_PX} px are allowed: not kept"
            )


def parity_scores(gaps: Mapping[str, Mapping[str, float]], size_px: int, faces: int) -> tuple[Score, ...]:
    """The differences as the card tells them."""
    return tuple(
        Score(
            metric=f"parity, {which} px",
            value=round(gap[which], 4),
            protocol=f"distance of the points of {way} from torch's, px of the {size_px} px crop",
            data=_DATA,
            support=98 * faces,
        )
        for way, gap in gaps.items()
        for which in ("mean", "worst")
    )


def _points(found: Mapping[str, Any], spec: LandmarkSpec) -> Float32:
    tensors = {name: torch.from_numpy(np.array(value)) for name, value in found.items()}
    if "maps" in tensors:
        return read_points(LandmarkMaps((tensors["maps"],), None), spec)
    return read_points(LandmarkPoints(tensors["xy"], tensors["spread"], tensors["visible"]), spec)
