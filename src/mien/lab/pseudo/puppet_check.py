"""Does a teacher see the motion that a puppet was asked for? Displacement of points, asked and measured.

python -m mien.lab.pseudo.puppet_check --dataset pseudo:DIR [--rig ict:FOLDER] --count 12
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from mien.core.arrays import Float32, Float64, UInt8
from mien.core.schema import load_schema
from mien.errors import SourceError
from mien.lab.datasets.dataset import open_dataset
from mien.lab.pseudo.puppet import Portrait, Puppet
from mien.lab.pseudo.teacher import Teacher
from mien.lab.rigs.catalogue import load_rig
from mien.lab.rigs.rig import Rig

GROUPS: Mapping[str, tuple[int, ...]] = {
    "brows": tuple(range(33, 51)),
    "lids": tuple(range(60, 76)),
    "nose": tuple(range(51, 60)),
    "lips": tuple(range(76, 96)),
    "chin": tuple(range(12, 21)),
}
MOTIONS: Mapping[str, tuple[tuple[str, float], ...]] = {
    "brows": (("browInnerUp", 1.0), ("browOuterUpLeft", 0.7), ("browOuterUpRight", 0.7)),
    "brows down": (("browDownLeft", 0.8), ("browDownRight", 0.8)),
    "blink": (("eyeBlinkLeft", 1.0), ("eyeBlinkRight", 1.0)),
    "wide eyes": (("eyeWideLeft", 0.8), ("eyeWideRight", 0.8)),
    "smile": (("mouthSmileLeft", 0.8), ("mouthSmileRight", 0.8)),
    "corners down": (("mouthFrownLeft", 0.8), ("mouthFrownRight", 0.8)),
    "jaw": (("jawOpen", 0.35),),
    "nose": (("noseSneerLeft", 0.6), ("noseSneerRight", 0.6)),
}
SHOWS_IN = {
    "brows": "brows",
    "brows down": "brows",
    "blink": "lids",
    "wide eyes": "lids",
    "smile": "lips",
    "corners down": "lips",
    "jaw": "lips",
    "nose": "nose",
    "turn": "nose",
    "nod": "nose",
}
"""Motion → the group of points that tells whether it is seen."""
_TURNS = {"turn": (6.0, 0.0, 0.0), "nod": (0.0, -5.0, 0.0)}


@dataclass(frozen=True, slots=True)
class Seen:
    """One kind of motion over several portraits.

    Attributes:
        correlation: of asked and measured displacement (x and y of the group's points).
        slope: measured per asked, by least squares through zero; 1 = seen in full.
        asked_px: root mean square displacement that was asked for.
        carried: mean share that was carried out.
        flow_correlation, flow_slope: the same by the optical flow of the pixels, which knows nothing of faces.
    """

    correlation: float
    slope: float
    asked_px: float
    carried: float
    flow_correlation: float
    flow_slope: float


def weights_of(motion: Iterable[tuple[str, float]]) -> Float32:
    """(52,) of (name, weight) pairs."""
    schema = load_schema("arkit52")
    out = np.zeros(len(schema), dtype=np.float32)
    for name, weight in motion:
        out[schema.index(name)] = weight
    return out


def measure(portraits: Iterable[Portrait], teacher: Teacher, rig: Rig | None = None) -> dict[str, Seen]:
    """Move portraits and let the teacher look: motion → what it saw. Portraits that no rig fits are passed over."""
    asked: dict[str, list[Float64]] = {name: [] for name in SHOWS_IN}
    seen: dict[str, list[Float64]] = {name: [] for name in SHOWS_IN}
    flowed: dict[str, list[Float64]] = {name: [] for name in SHOWS_IN}
    carried: dict[str, list[float]] = {name: [] for name in SHOWS_IN}
    for portrait in portraits:
        try:
            puppet = Puppet(portrait, rig)
        except SourceError:
            continue
        box = np.concatenate([portrait.landmarks_xy.min(axis=0), portrait.landmarks_xy.max(axis=0)])
        still = teacher.label(portrait.image, box)
        if still is None:
            continue
        for name, group in SHOWS_IN.items():
            frame = puppet.frame(weights_of(MOTIONS.get(name, ())), _TURNS.get(name, (0.0, 0.0, 0.0)))
            look = teacher.label(frame.image, box)
            if look is None:
                continue
            which = list(GROUPS[group])
            asked[name].append((frame.landmarks_xy - portrait.landmarks_xy)[which].ravel().astype(np.float64))
            seen[name].append((look.xy - still.xy)[which].ravel().astype(np.float64))
            flowed[name].append(flow_at(portrait.image, frame.image, portrait.landmarks_xy[which]).ravel())
            carried[name].append(frame.carried)
    out = {}
    for name in (n for n in SHOWS_IN if asked[n]):
        truth = np.concatenate(asked[name])
        size = float(np.sqrt((truth**2).mean() * 2))
        told, flow = _agreement(truth, np.concatenate(seen[name])), _agreement(truth, np.concatenate(flowed[name]))
        out[name] = Seen(*told, size, float(np.mean(carried[name])), *flow)
    return out


def flow_at(before: UInt8, after: UInt8, xy: Float32) -> Float64:
    """(P, 2) px: how the pixels at (P, 2) places moved, by dense inverse search (Kroeger et al. 2016)."""
    first, second = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (before, after))
    start = np.zeros((*first.shape, 2), dtype=np.float32)
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(first, second, start)
    columns, rows = np.clip(xy.round().astype(int), 0, np.array(first.shape[::-1]) - 1).T
    return np.asarray(flow[rows, columns], dtype=np.float64)


def _agreement(asked: Float64, seen: Float64) -> tuple[float, float]:
    """Correlation, and slope through zero."""
    slope = float(asked @ seen / max(float(asked @ asked), 1e-9))
    return float(np.corrcoef(asked, seen)[0, 1]), slope


def main(arguments: list[str] | None = None) -> None:
    """Command line of the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", required=True, help='faces with 98 points, for example "pseudo:DIR"')
    parser.add_argument("--rig", default="builtin", help='"builtin" or "ict:FOLDER"')
    parser.add_argument("--count", type=int, default=12, help="portraits, evenly spread")
    given = parser.parse_args(arguments)
    dataset, teacher = open_dataset(given.dataset), Teacher()
    name, _, folder = given.rig.partition(":")
    places = np.linspace(0, len(dataset) - 1, given.count).round().astype(int).tolist()
    try:
        found = measure(
            (Portrait.of_sample(dataset.sample(i)) for i in places), teacher, load_rig(name, folder or None)
        )
    finally:
        teacher.close()
    for motion, s in found.items():
        teacher_says = f"teacher: correlation {s.correlation:.2f}, slope {s.slope:.2f}"
        flow_says = f"flow: correlation {s.flow_correlation:.2f}, slope {s.flow_slope:.2f}"
        text = f"{motion}: asked {s.asked_px:.1f} px, carried {s.carried:.2f}; {teacher_says}; {flow_says}"
        print(text)  # noqa: T201  a command's answer


if __name__ == "__main__":
    main()
