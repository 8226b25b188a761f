"""Do the labels of renders lie where a network that learnt from photographs sees the same points?

MediaPipe's landmark network, which never saw a rig, looks at near-frontal renders; its 98 points are compared with
the labels. Distances are shares of the distance of the outer eye corners (60–72). A render agrees if their mean over
the 98 points is at most 5 %.

One group differs by definition, on every rig and on photographs alike: how far along the outline each of the 33
contour points lies. People space them evenly over the outline they see; the network's own sit on a mesh and are
known to wander along the cheek by several percent. Of these points only the distance across the outline counts.
Everything is reported the plain way too.

    python -m mien.lab.evaluate.agreement --rig ict --folder DIR --renders 200
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float32, Float64, UInt8
from mien.core.measures import Box, Landmarks
from mien.core.record import Face, FrameRecord, Stamp
from mien.core.regions import region_of_landmarks
from mien.core.schema import load_schema
from mien.lab.render.random_scene import Wishes, choose
from mien.lab.render.sample import render_sample
from mien.lab.rigs.catalogue import NAMES, load_rig
from mien.lab.rigs.rig import Rig
from mien.pipeline.registry import load, stage_table
from mien.pipeline.stage import Stage

log = logging.getLogger(__name__)

STAGE = "landmarks/mediapipe"
MOST_YAW_DEG, MOST_PITCH_DEG, MOST_ROLL_DEG = 20.0, 15.0, 20.0
AGREES = 0.05
CONTOUR = 33
"""Points 0–32."""
GROUPS = (
    *("contour", "right_brow", "left_brow", "nose_bridge", "nose_base", "right_eye", "left_eye"),
    *("outer_lip", "inner_lip", "pupils"),
)
_SIDE_PX = 192


@dataclass(frozen=True, slots=True, eq=False)
class Agreement:
    """Labels and what the network found, of N renders.

    Attributes:
        rig: name of the rig.
        labels: (N, 98, 2) float32 px.
        found: (N, 98, 2) float32 px; NaN where the network sees no face.
    """

    rig: str
    labels: Float32
    found: Float32

    @property
    def width_px(self) -> Float64:
        """(N,) distance of the outer eye corners in the labels."""
        return np.asarray(np.linalg.norm(self.labels[:, 60] - self.labels[:, 72], axis=1), dtype=np.float64)

    @property
    def plain(self) -> Float64:
        """(N, 98) distances, as shares of the width; infinite where no face was found."""
        out = np.linalg.norm(self.labels - self.found, axis=2) / self.width_px[:, None]
        return np.where(np.isfinite(out), out, np.inf)

    @property
    def compared(self) -> Float64:
        """(N, 98) as `plain`, but of contour points the distance to the labelled outline."""
        out = self.plain
        for i in np.flatnonzero(np.isfinite(self.found).all(axis=(1, 2))):
            out[i, :CONTOUR] = across(self.found[i, :CONTOUR], self.labels[i, :CONTOUR]) / self.width_px[i]
        return out

    @property
    def offsets(self) -> Float64:
        """(N, 98, 2): the network's point minus the label, as shares of the width, along the line from the right
        to the left outer eye corner and down the face."""
        along = (self.labels[:, 72] - self.labels[:, 60]) / self.width_px[:, None]
        down = np.stack([-along[:, 1], along[:, 0]], axis=1)
        error = (self.found - self.labels) / self.width_px[:, None, None]
        return np.stack([(error * along[:, None]).sum(2), (error * down[:, None]).sum(2)], axis=2)


def share_that_agrees(distances: Float64) -> float:
    """Of (N, 98) distances: the share of renders whose mean is at most 5 %."""
    return float((distances.mean(axis=1) <= AGREES).mean())


def across(points: npt.ArrayLike, line: npt.ArrayLike) -> Float64:
    """(P,) distances of (P, 2) points to the nearest place of the open line through (L, 2) points."""
    p = np.asarray(points, dtype=np.float64)[:, None]
    a = np.asarray(line, dtype=np.float64)
    step = np.diff(a, axis=0)
    share = ((p - a[:-1]) * step).sum(2) / np.maximum((step**2).sum(1), 1e-12)
    foot = a[:-1] + np.clip(share, 0.0, 1.0)[..., None] * step
    return np.asarray(np.linalg.norm(p - foot, axis=2).min(axis=1))


def near_frontal(count: int, wishes: Wishes, first_seed: int = 0) -> list[int]:
    """The first seeds of renders turned by at most 20°, 15° and 20° (yaw, pitch, roll)."""
    out: list[int] = []
    seed = first_seed
    while len(out) < count:
        view = choose(seed, wishes).view
        turns = (view.yaw_deg, view.pitch_deg, view.roll_deg)
        if all(abs(t) <= most for t, most in zip(turns, (MOST_YAW_DEG, MOST_PITCH_DEG, MOST_ROLL_DEG), strict=True)):
            out.append(seed)
        seed += 1
    return out


def plain_wishes(backgrounds: Path | None = None) -> Wishes:
    """Nothing before the face, no blur, no extreme light; expression, make-up, hair and glasses are left to chance."""
    return Wishes(backgrounds=backgrounds, attributes={"occlusion": False, "blur": False, "illumination": False})


def measure(rig: Rig, seeds: Iterable[int], wishes: Wishes) -> Agreement:
    """Render every seed and let the network look at it."""
    stage: Stage = load(stage_table()[STAGE])()
    labels, found = [], []
    try:
        for seed in seeds:
            sample = render_sample(rig, seed, wishes.size_px, wishes)
            labels.append(sample.landmarks.xy)
            found.append(look(stage, sample.image, sample.landmarks))
    finally:
        stage.close()
    return Agreement(rig.name, np.stack(labels), np.stack(found))


def look(stage: Stage, image: UInt8, labels: Landmarks) -> Float32:
    """(98, 2) px: what the network finds in a picture, NaN = no face there.

    The first look is on the region of the labels, the second on that of its own points, as when a face is followed.
    """
    points = labels
    for _ in range(2):
        region = region_of_landmarks(points, _SIDE_PX)
        box = Box(np.concatenate([points.xy.min(axis=0), points.xy.max(axis=0)]), 1.0)
        face = Face(box=box, crop=region)
        height, width, _ = image.shape
        record = stage.step(FrameRecord(Stamp("render", 0, 0), (width, height), image, (face,)))
        if not record.faces or record.faces[0].landmarks is None:
            return np.full((98, 2), np.nan, np.float32)
        points = record.faces[0].landmarks
    return points.xy


def table(results: Sequence[Agreement]) -> str:
    """A Markdown table: one row per rig. Means are of the renders in which a face was found."""
    lines = [
        "| rig | renders | no face | agree | mean | worst of 20 | agree, contour plain | mean, contour plain |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for r in results:
        ours, plain = r.compared, r.plain
        seen = np.isfinite(plain).all(axis=1)
        each, each_plain = ours[seen].mean(axis=1), plain[seen].mean(axis=1)
        lines.append(
            f"| {r.rig} | {len(ours)} | {(~seen).sum()} | {share_that_agrees(ours):.1%} | {_percent(each.mean())} | "
            f"{_percent(np.quantile(each, 0.95))} | {share_that_agrees(plain):.1%} | {_percent(each_plain.mean())} |"
        )
    return "\n".join(lines)


def group_table(results: Sequence[Agreement]) -> str:
    """A Markdown table of mean distances (contour: across) and mean offsets (right, down) per group of points."""
    lines = ["| points | " + " | ".join(r.rig for r in results) + " |", "|---|" + "---|" * len(results)]
    schema = load_schema("wflw98")
    for group in GROUPS:
        rows = list(schema.groups[group])
        lines.append(f"| {group.replace('_', ' ')} | " + " | ".join(_cell(r, rows) for r in results) + " |")
    return "\n".join(lines)


def point_table(results: Sequence[Agreement]) -> str:
    """As `group_table`, for every point."""
    lines = ["| point | name | " + " | ".join(r.rig for r in results) + " |", "|---|---|" + "---|" * len(results)]
    for i, name in enumerate(load_schema("wflw98").names):
        lines.append(f"| {i} | `{name}` | " + " | ".join(_cell(r, [i]) for r in results) + " |")
    return "\n".join(lines)


def _cell(result: Agreement, rows: list[int]) -> str:
    seen = np.isfinite(result.found).all(axis=(1, 2))
    right, down = 100.0 * result.offsets[seen][:, rows].mean(axis=(0, 1))
    return f"{_percent(result.compared[seen][:, rows].mean())} ({right:+.1f}, {down:+.1f})"


def _percent(share: float) -> str:
    return f"{100.0 * share:.1f} %"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables for one rig."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rig", choices=NAMES, default="builtin")
    parser.add_argument("--folder", type=Path, help="of the rig's files; the built-in head needs none")
    parser.add_argument("--renders", type=int, default=200)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--backgrounds", type=Path, help="folder of photographs behind the faces")
    parser.add_argument("--points", action="store_true", help="also every single point")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    wishes = plain_wishes(options.backgrounds)
    seeds = near_frontal(options.renders, wishes, options.first_seed)
    result = [measure(load_rig(options.rig, options.folder), seeds, wishes)]
    for text in (table(result), group_table(result), point_table(result) if options.points else ""):
        log.info("%s\n", text)


if __name__ == "__main__":
    main()
