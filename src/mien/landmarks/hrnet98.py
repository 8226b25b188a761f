"""98 landmarks from heatmaps: HRNetV2-W18, the network of the presets `balanced` and, mirrored, `offline`; a small one
(W9) is that of `fast`."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

import numpy as np
from pydantic import Field

from mien.core.arrays import AnyArray, Float32
from mien.core.schema import load_schema
from mien.landmarks.heatmap import Decoding, crop_from_map, decode
from mien.landmarks.network import POINTS, SCHEMA, Answer, NetworkLandmarks, NetworkOptions
from mien.pipeline.loading import close_when_done
from mien.runtime.processor import eight_bit_pays
from mien.runtime.store import Model, shipped_names

SMALL = "hrnet98-128-small"
"""The small network that ships: its points follow less than the others'."""
TWIN = "-int8"
"""What the name of a model's twin in 8 bits ends in."""
_COARSE_PX, _COARSE_BONUS = (20.0, 26.0, 48.0), (0.0, 0.2, 0.0)
"""Maps of faces shown from few pixels are lower: so much is added to the presence, by the shorter side of the points'
tight box, px of the image; below 20 px nothing tells faces from specks. Chosen on 50 WIDER photographs and 92
backgrounds."""


class Options(NetworkOptions):
    """Options of `HeatmapLandmarks`."""

    model: str = Field(default="hrnet98-128", description="name of a shipped model, or a folder with model.onnx")
    eight_bit: bool | None = Field(
        default=None,
        description="read followed faces with the model's twin in 8 bits (its name and -int8); none = if it has one, "
        "on processors where it is faster, unless a precision is asked for",
    )
    min_presence: float = Field(
        default=0.44,
        ge=0,
        le=1,
        description="mean height of the heatmaps' maxima below which a region shows no face",
    )
    decoding: Decoding = Field(default="dark", description="how a point is read from its map; see landmarks.heatmap")
    mirrored: bool = Field(
        default=False, description="answer with the mean over the crop and its mirror image: steadier, twice the time"
    )
    mirrored_new: bool = Field(
        default=False,
        description="the same for new faces only: whether there is a face, and where, is decided with more care",
    )


class HeatmapLandmarks(NetworkLandmarks):
    """98 points, each the maximum of a heatmap with a sub-pixel step (DARK: Zhang et al. 2020, eq. 7–9).

    Confidence of a point: height of its maximum (training targets have height 1) × the network's probability that it
    can be seen. Presence of a face: mean height of the 98 maxima, and something for a small one (`_COARSE_BONUS`).
    First weights: 0.21–0.33 where a face has just left, below 0.46 on 99 of 100 background cut-outs, 0.45 and more on
    69 of 70 hard WFLW faces; `min_presence` was chosen after seeing these.
    Source of the network: Wang et al. 2019, "Deep High-Resolution Representation Learning"; seed 001 §4.2.
    Whether a new face is one, and where, is always decided by the model itself; its twin in 8 bits, if it is used, only
    follows: NME 5.84 instead of 5.83 %, 8 failures instead of 7 (70 marked faces, true crop).
    """

    def __init__(self, options: Options | None = None) -> None:
        chosen = options or Options()
        self._decoding, self._mirrored = chosen.decoding, (chosen.mirrored, chosen.mirrored or chosen.mirrored_new)
        self._order = load_schema(SCHEMA).mirror
        self._views = 2 if chosen.mirrored else 1  # both in one run: 12.5 instead of 15.2 ms, the same answer
        outputs = {"maps": (None, POINTS, None, None), "visible": (None, POINTS)}
        self._quick: Model | None = None
        self.options = chosen
        with ThreadPoolExecutor(1, thread_name_prefix="mien-load") as pool, ExitStack() as opened:
            twin: Future[Model] | None = None  # each takes long to compile: side by side
            if _wants_twin(chosen):
                twin = pool.submit(self._opened, chosen.model + TWIN, outputs)
                opened.callback(close_when_done, twin)
            super().__init__(chosen, outputs)
            opened.callback(super().close)
            self._quick = None if twin is None else twin.result()
            opened.pop_all()

    @staticmethod
    def for_still(options: Options) -> Options:
        """One picture has no followed faces to be read by the twin."""
        return options if options.eight_bit is not None else options.model_copy(update={"eight_bit": False})

    @property
    def caution(self) -> str:
        """Of the small network that ships."""
        if self.options.model != SMALL:
            return ""
        return (
            "the points come from a small network (preset fast): smiles, brows and the head follow, lids, jaw and gaze "
            "in part, the rest of the mouth hardly; preset balanced reads them"
        )

    @property
    def models(self) -> tuple[str, ...]:
        """Ids of the networks: the one for new faces, and its twin if followed ones have another."""
        return (*super().models, *(() if self._quick is None else (self._quick.id,)))

    def close(self) -> None:
        """See `Stage.close`."""
        super().close()
        if self._quick is not None:
            self._quick.close()

    def _run(self, pixels: Float32, *, new: bool = False) -> Mapping[str, AnyArray]:
        if not self._mirrored[new]:
            return self._asked(pixels, new)
        shown = np.concatenate([pixels, pixels[..., ::-1]])
        parts = [self._asked(part, new) for part in np.split(shown, 2 // self._views)]
        maps, visible = (np.concatenate([part[name] for part in parts]) for name in ("maps", "visible"))
        n = len(pixels)
        mean = (maps[:n] + maps[n:][:, self._order, :, ::-1]) / 2
        return {"maps": mean, "visible": (visible[:n] + visible[n:][:, self._order]) / 2}

    def _asked(self, pixels: Float32, new: bool) -> Mapping[str, AnyArray]:
        quick = self._quick
        return super()._run(pixels, new=new) if new or quick is None else quick.run({"image": pixels})

    def _read(self, outputs: Mapping[str, AnyArray]) -> Answer:
        maps = outputs["maps"]
        map_xy, height = decode(maps, self._decoding)
        height = np.clip(np.nan_to_num(height), 0, 1)
        crop_xy = crop_from_map(map_xy, self.size_px / maps.shape[-1])
        return Answer(crop_xy, height * outputs["visible"], height.mean(axis=1))

    def _judged(self, presence: float, xy: Float32) -> float:
        short = float((xy.max(axis=0) - xy.min(axis=0)).min())
        if not np.isfinite(short):
            return presence
        return min(1.0, presence + float(np.interp(short, _COARSE_PX, _COARSE_BONUS)))


def _wants_twin(options: Options) -> bool:
    if options.eight_bit is None:
        return options.precision is None and eight_bit_pays() and options.model + TWIN in shipped_names()
    return options.eight_bit
