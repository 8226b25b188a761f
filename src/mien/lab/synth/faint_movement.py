"""Movement as a camera's optical flow would report it, made from sequences without drawing a picture.

A person of a rig performs a sequence; the places that `mien.micro` watches are projected; the head's movement is taken
out by the same fit as at run time. What flow does to faint movement is drawn at random for every clip and held: it
mixes neighbours, shows only a part of a movement, is noisy where skin is smooth, disturbed by blinks, light and turns.
Sizes were set by eye to enclose what was measured on drawn pictures (slope 0.3 to 0.7, noise 0.03 to 0.6 %).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mien.core.arrays import Float32, Float64
from mien.core.geometry import rotation_from_euler
from mien.lab.rigs.rig import Rig
from mien.lab.synth.sequence import FaceSequence
from mien.micro.head_motion import fit_heads
from mien.micro.movement import Moved
from mien.micro.regions import load_regions

SHAPES = 52
_PROBE = 0.5
_CAMERA_MM = (450.0, 1100.0)


@dataclass(frozen=True, slots=True, eq=False)
class Performer:
    """One person: places at rest and how each shape moves them at weight 1.

    Attributes:
        name: person's.
        places: (P, 3) float64 mm, head frame.
        shapes: (52, P, 3) float64 mm.
    """

    name: str
    places: Float64
    shapes: Float64

    @classmethod
    def of(cls, rig: Rig, rng: np.random.Generator) -> Performer:
        """A random person of a rig."""
        person, regions = rig.identity(rng), load_regions()
        rest = rig.pose(person, np.zeros(SHAPES)).points.astype(np.float64)
        moved = [rig.pose(person, _PROBE * row).points.astype(np.float64) - rest for row in np.eye(SHAPES)]
        shapes = np.array([regions.places @ m for m in moved]) / _PROBE
        return cls(f"{rig.name}/{person.name}", regions.places @ rest, shapes)


def observe(
    performer: Performer, sequence: FaceSequence, rng: np.random.Generator, *, pixels: bool = True
) -> list[Moved]:
    """What `FaceMovement` would say of a sequence.

    Args:
        performer: who.
        sequence: does what.
        rng: draws the camera and the errors.
        pixels: False = the errors of landmarks instead of those of flow.
    """
    still, seen = _projected(performer, sequence, rng)
    seen = seen + _errors(still, seen, sequence, rng, pixels)
    own, parameters, misfit = _by_references(still, seen, sequence, rng, pixels)
    regions = (load_regions().mean @ own).astype(np.float32)
    head = np.diff(parameters, axis=0, prepend=parameters[:1]).astype(np.float32)
    light = sequence.light * rng.uniform(60, 170) + rng.normal(0, 0.05, len(sequence))
    times = sequence.times_ns.tolist()
    return [
        Moved(t, regions[k], head[k], float(misfit[k]), float(light[k]) if pixels else float("nan"), k == 0)
        for k, t in enumerate(times)
    ]


def _projected(performer: Performer, sequence: FaceSequence, rng: np.random.Generator) -> tuple[Float64, Float64]:
    """(P, 2) and (T, P, 2) in distances between the outer eye corners: the first frame at rest, and every frame, with
    the mixing of flow in the expression's share. The crop follows the head, so shift, scale and roll are small."""
    view = rng.normal(0.0, [7.0, 5.0, 0.0])
    depth_mm = float(rng.uniform(*_CAMERA_MM))
    strength = rng.uniform(0.35, 1.0) * np.clip(rng.normal(0.85, 0.2, len(performer.places)), 0.2, 1.0)
    near = np.linalg.norm(performer.places[:, None] - performer.places[None], axis=2)
    mixing = np.exp(-0.5 * (near / rng.uniform(5.0, 13.0)) ** 2)
    mixing *= (strength / mixing.sum(axis=1))[:, None]
    moved = np.tensordot(sequence.shapes.astype(np.float64), performer.shapes, axes=1)  # (T, P, 3)
    moved = mixing @ moved
    angles = sequence.head_deg.astype(np.float64) + view
    rotation = np.stack([rotation_from_euler(*a) for a in angles])
    middle = np.array([0.0, 0.0, depth_mm]) + sequence.head_mm.astype(np.float64)
    camera = (performer.places[None] + moved) @ rotation.transpose(0, 2, 1) + middle[:, None]
    xy = camera[..., :2] / camera[..., 2:] * depth_mm
    width_mm = float(performer.places[:, 0].max() - performer.places[:, 0].min())
    eyes = max(0.8 * width_mm, 60.0)
    xy = (xy - xy[:1].mean(axis=1, keepdims=True)) / eyes
    return xy[0], xy


def _errors(still: Float64, seen: Float64, sequence: FaceSequence, rng: np.random.Generator, pixels: bool) -> Float64:
    frames, places = seen.shape[:2]
    fps = sequence.fps
    level = np.exp(rng.uniform(np.log(0.0003), np.log(0.005))) if pixels else np.exp(rng.uniform(-6.3, -5.3))
    each = level * np.exp(rng.normal(0.0, 0.7, places))
    near = np.exp(-0.5 * (np.linalg.norm(still[:, None] - still[None], axis=2) / 0.15) ** 2)
    near /= np.linalg.norm(near, axis=1, keepdims=True)
    white = rng.normal(size=(frames, places, 2))
    white = 0.7 * white + 0.7 * (near @ rng.normal(size=(frames, places, 2)))
    wander = np.cumsum(rng.normal(size=(frames, places, 2)), axis=0) * np.sqrt(0.15 / fps)
    out = each[:, None] * (white + wander * rng.uniform(0.0, 1.0))
    blink = sequence.shapes[:, _BLINKS].max(axis=1).astype(np.float64)
    speed = np.abs(np.gradient(blink)) * fps
    eyes = _NEAR_EYES * rng.uniform(0.0, 0.015)
    out += (blink * 0.7 + np.minimum(speed / 10, 1.0))[:, None, None] * eyes[:, None] * rng.normal(size=(places, 2))
    turning = np.linalg.norm(np.gradient(sequence.head_deg.astype(np.float64), axis=0), axis=1) * fps
    restless = 1.0 + turning / rng.uniform(8.0, 40.0)
    step = np.abs(np.gradient(sequence.light.astype(np.float64)))
    restless += np.minimum(step * rng.uniform(0.0, 60.0), 3.0)
    return np.asarray(out * restless[:, None, None], dtype=np.float64)


def _by_references(
    still: Float64, seen: Float64, sequence: FaceSequence, rng: np.random.Generator, pixels: bool
) -> tuple[Float64, Float64, Float64]:
    """(T, P, 2) own movement, (T, 8) head, (T,) misfit, with a new reference now and then as at run time."""
    regions = load_regions()
    edges = [0]
    while edges[-1] < len(seen) - 1:
        seconds = float(rng.uniform(1.2, 3.0)) if pixels else 1e9
        edges.append(min(len(seen) - 1, edges[-1] + max(2, round(seconds * sequence.fps))))
    own, head, misfit = np.zeros_like(seen), np.zeros((len(seen), 8)), np.zeros(len(seen))
    carried, travelled = np.zeros_like(still), np.zeros(8)
    for first, last in pairwise(edges):
        part = seen[first : last + 1]
        rest, found, miss = fit_heads(part[0], part, regions.depth, regions.steady)
        own[first : last + 1] = carried + rest
        head[first : last + 1] = travelled + found
        misfit[first : last + 1] = miss
        carried, travelled = own[last].copy(), head[last].copy()
    return own, head, misfit


def _blink_rows() -> list[int]:
    from mien.core.schema import load_schema

    return [load_schema("arkit52").index(n) for n in ("eyeBlinkLeft", "eyeBlinkRight")]


def _near_eyes() -> Float32:
    regions = load_regions()
    weight = {"lid": 1.0, "pouch": 0.5, "brow": 0.35, "eye": 0.4, "cheek": 0.2}
    by_region = [next((w for k, w in weight.items() if n.startswith(k)), 0.0) for n in regions.names]
    return np.array(by_region, dtype=np.float32)[regions.region]


_BLINKS, _NEAR_EYES = _blink_rows(), _near_eyes()
