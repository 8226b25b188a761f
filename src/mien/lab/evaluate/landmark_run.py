"""Marked faces, what a method found on them, and the figures that follow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float32, Float64, Int64
from mien.core.schema import load_schema
from mien.errors import SourceError
from mien.lab.datasets.dataset import Dataset
from mien.lab.datasets.sample import Sample
from mien.lab.metrics.landmarks import LIMIT, area_under_curve, face_errors, face_lengths, failure_rate, nme
from mien.lab.metrics.uncertainty import REPEATS, Uncertain, by_subject

Protocol = Literal["end to end", "true crop"]
PROTOCOLS: tuple[Protocol, ...] = ("end to end", "true crop")
SUBSETS: Mapping[str, tuple[str, ...]] = {
    "pose": ("pose", "largepose"),
    "expression": ("expression",),
    "illumination": ("illumination",),
    "make-up": ("makeup", "make-up"),
    "occlusion": ("occlusion",),
    "blur": ("blur",),
}
"""Name of a subset, in the order of seed 001's Table 1 → names of the attribute that puts a face into it."""
GROUPS: Mapping[str, tuple[str, ...]] = {
    "contour": ("contour",),
    "brows": ("right_brow", "left_brow"),
    "nose": ("nose_bridge", "nose_base"),
    "eyes": ("right_eye", "left_eye"),
    "lips": ("outer_lip", "inner_lip"),
    "pupils": ("pupils",),
}
"""Name of a group of points → groups of schema "wflw98"."""
Flags = npt.NDArray[np.bool_]
_PER_CENT = 100.0


def group_points(name: str) -> list[int]:
    """Indices of the points of a group of `GROUPS`."""
    schema = load_schema("wflw98")
    return [i for part in GROUPS[name] for i in schema.groups[part]]


def marked_samples(dataset: Dataset, count: int = 0) -> list[Sample]:
    """The samples that have 98 points, `count` of them evenly spread (0 = all).

    Raises:
        SourceError: there is none.
    """
    step = max(1, len(dataset) // count) if count else 1
    numbers = range(0, len(dataset), step)[: count or None]
    samples = [s for s in map(dataset.sample, numbers) if s.landmark_schema == "wflw98" and s.landmarks_xy is not None]
    if not samples:
        raise SourceError(f"{dataset.info.name}: no sample has 98 marked points to compare with")
    return samples


@dataclass(frozen=True, slots=True, eq=False)
class LandmarkRun:
    """What a method found on N marked faces.

    Attributes:
        method: what looked, in words.
        data: on what, in words.
        protocol: "end to end" = the whole given picture, own detector; "true crop" = the region of the marked points.
        names: of the N faces.
        sizes_wh: width and height of the N pictures, px.
        truth: (N, 98, 2) float32 px; NaN = not marked.
        found: (N, 98, 2) float32 px; NaN in every point = the face was missed.
        attributes: of the N faces.
        clusters: whose face or from which picture each is: what the bootstrap draws.
    """

    method: str
    data: str
    protocol: Protocol
    names: tuple[str, ...]
    sizes_wh: tuple[tuple[int, int], ...]
    truth: Float32
    found: Float32
    attributes: tuple[Mapping[str, Any], ...]
    clusters: tuple[str, ...]

    @property
    def errors(self) -> Float64:
        """(N,) NME by the outer eye corners, a share; infinity = missed."""
        return face_errors(self.truth, self.found, face_lengths(self.truth, "inter_ocular"))

    @property
    def box_errors(self) -> Float64:
        """(N,) NME by √(width · height) of the true points' tight box."""
        return face_errors(self.truth, self.found, face_lengths(self.truth, "box"))

    def point_errors(self, points: Sequence[int]) -> Float64:
        """(N,) NME by the outer eye corners over some points only."""
        lengths = face_lengths(self.truth, "inter_ocular")
        return face_errors(self.truth[:, list(points)], self.found[:, list(points)], lengths)

    def only(self, keep: Flags) -> LandmarkRun:
        """The same run with the faces where (N,) `keep` is True."""
        rows = np.flatnonzero(keep).tolist()
        return replace(
            self,
            names=tuple(self.names[i] for i in rows),
            sizes_wh=tuple(self.sizes_wh[i] for i in rows),
            truth=self.truth[rows],
            found=self.found[rows],
            attributes=tuple(self.attributes[i] for i in rows),
            clusters=tuple(self.clusters[i] for i in rows),
        )

    def subset(self, name: str) -> Flags:
        """(N,) True for the faces of a subset of `SUBSETS`."""
        return np.array([any(a.get(k) == 1 for k in SUBSETS[name]) for a in self.attributes], dtype=bool)


def cluster_of(sample: Sample) -> str:
    """What faces that are not independent share: the picture they were cut from, else the person, else nothing."""
    for key in ("image", "source"):
        if sample.attributes.get(key):
            return str(sample.attributes[key])
    return sample.subject or sample.name


def figures(run: LandmarkRun, repeats: int = REPEATS) -> dict[str, Any]:
    """The figures of a run as plain data; errors and rates in per cent, AUC 0–1, NaN as None.

    NME is the mean over the faces that were found; `found` says how many those are. In failure rate and AUC a missed
    face counts (as a failure, and as an area of 0). Intervals: 95 %, bootstrap over clusters. `errors`: of every face,
    sorted, None = missed; of the faces of every subset too.
    """
    errors = run.errors
    seen = errors[np.isfinite(errors)]
    everyone = np.ones(len(errors), bool)
    return {
        "method": run.method,
        "data": run.data,
        "protocol": run.protocol,
        "clusters": len(set(run.clusters)),
        **_of(run, everyone, repeats),
        "median": _plain(_PER_CENT * float(np.median(seen)) if len(seen) else float("nan")),
        "nme_box": _plain(_PER_CENT * nme(run.box_errors).value),
        "groups": {g: _plain(_PER_CENT * nme(run.point_errors(group_points(g))).value) for g in GROUPS},
        "subsets": {name: _of(run, run.subset(name), repeats) for name in SUBSETS},
    }


def errors_of(figures: Mapping[str, Any]) -> Float64:
    """(N,) errors, shares, of what `figures` says of a run or of one of its subsets; infinity = missed."""
    return np.array([np.inf if v is None else v / _PER_CENT for v in figures["errors"]], np.float64)


def _of(run: LandmarkRun, chosen: Flags, repeats: int) -> dict[str, Any]:
    errors = run.errors[chosen]
    clusters = [c for c, kept in zip(run.clusters, chosen.tolist(), strict=True) if kept]
    measures: dict[str, Callable[[Float64], float]] = {
        "nme": lambda e: _PER_CENT * nme(e).value,
        "fr10": lambda e: _PER_CENT * failure_rate(e).value,
        "auc10": lambda e: area_under_curve(e).value,
    }
    out: dict[str, Any] = {
        "faces": len(errors),
        "found": int(np.isfinite(errors).sum()),
        "failures": int((errors > LIMIT).sum()),
        "errors": [_plain(round(_PER_CENT * e, 3)) for e in np.sort(errors).tolist()],
    }
    for name, measure in measures.items():
        out[name] = _interval(errors, measure, clusters, repeats)
    return out


def _interval(
    errors: Float64, measure: Callable[[Float64], float], clusters: Sequence[str], repeats: int
) -> dict[str, float | None]:
    if not len(errors):
        return {"value": None, "low": None, "high": None}

    def on(items: Int64) -> float:
        return measure(errors[items])

    result: Uncertain = by_subject(on, clusters, repeats=repeats)
    return {"value": _plain(result.value), "low": _plain(result.low), "high": _plain(result.high)}


def _plain(value: float) -> float | None:
    return round(value, 6) if np.isfinite(value) else None
