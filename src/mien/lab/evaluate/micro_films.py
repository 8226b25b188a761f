"""A portrait filmed while one known, faint movement comes and goes on it, and what the spotter says of the film."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from mien.animate.motion import Drift, Pulse, course
from mien.core.arrays import Float32, UInt8
from mien.core.schema import load_schema
from mien.lab.evaluate.micro_portraits import Sitter
from mien.lab.pseudo.puppet import MOST_HEAD_DEG, Puppet
from mien.micro.spotter import Spotted, Spotter
from mien.micro.threshold import THRESHOLD

MOTIONS: Mapping[str, tuple[str, ...]] = {
    "brows raised": ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
    "brows lowered": ("browDownLeft", "browDownRight"),
    "nose wrinkled": ("noseSneerLeft", "noseSneerRight"),
    "left lip corner up": ("mouthSmileLeft",),
    "lip corners down": ("mouthFrownLeft", "mouthFrownRight"),
}
"""Name → ARKit shapes that move together."""
SPAN_S = (1.2, 1.35, 1.55)
"""Onset, apex, offset."""
SECONDS = 2.6
_PROBE = 0.4
_OVERLAP = 0.5
_POINTS_SHAKE = 0.0015
"""Standard deviation of the landmarks' jitter, in distances between the outer eye corners."""
_SWAY = (1.0, 0.6, 0.5)
"""Sway in yaw, pitch, roll, over that in yaw."""
_SWAY_HZ = (0.1, 0.8)


@dataclass(frozen=True, slots=True)
class Camera:
    """How it is filmed.

    Attributes:
        fps: frames per second.
        noise: standard deviation of the brightness, grey levels; each colour has half of it on top.
        sway_deg: standard deviation of the head's slow yaw; 0 = the head keeps still.
        threshold: of the spotter.
    """

    fps: float = 60.0
    noise: float = 2.0
    sway_deg: float = 0.0
    threshold: float = THRESHOLD


@dataclass(frozen=True, slots=True)
class Trial:
    """One film.

    Attributes:
        source, portrait, motion: what was moved.
        amplitude: % of the distance between the outer eye corners that the farthest landmark was to move.
        moved: % that it moved.
        kind: of the finding that overlaps the movement by half or more; "" = none.
        false_micro, false_macro: findings elsewhere.
    """

    source: str
    portrait: str
    motion: str
    amplitude: float
    moved: float
    kind: str
    false_micro: int
    false_macro: int


class Film:
    """A movement on a portrait: how far the shapes go, and how far the landmarks then do.

    Args:
        puppet: on its strings.
        motion: in `MOTIONS`.
        amplitude: % of the distance between the outer eye corners.
    """

    def __init__(self, puppet: Puppet, motion: str, amplitude: float) -> None:
        schema = load_schema("arkit52")
        self._puppet = puppet
        self._row = np.zeros(len(schema), np.float32)
        self._row[[schema.index(n) for n in MOTIONS[motion]]] = 1.0
        still = puppet.portrait.landmarks_xy
        self._eyes = float(np.linalg.norm(still[72] - still[60]))
        self._row *= min(1.0, _PROBE * amplitude / max(self._reach(_PROBE), 1e-6))
        self.moved = self._reach(1.0)

    def _reach(self, share: float) -> float:
        """% that the farthest landmark moves at a share of the shapes."""
        away = self._puppet.frame(share * self._row).landmarks_xy - self._puppet.portrait.landmarks_xy
        return 100 * float(np.linalg.norm(away, axis=1).max()) / self._eyes

    def frames(self, camera: Camera, seed: int) -> Iterator[tuple[int, UInt8, Float32]]:
        """(ns, (H, W, 3) uint8 picture, (98, 2) landmarks) of every frame."""
        rng = np.random.default_rng(seed)
        times = np.arange(round(SECONDS * camera.fps)) / camera.fps
        turns = np.zeros((len(times), 3))
        if camera.sway_deg > 0:
            drift = Drift.random(rng, [camera.sway_deg * s for s in _SWAY], _SWAY_HZ)
            turns = np.clip(drift.at(times), -MOST_HEAD_DEG, MOST_HEAD_DEG)
        courses = course(Pulse(0, 1.0, *SPAN_S), times).tolist()
        for t, up, turn in zip(times.tolist(), courses, turns, strict=True):
            frame = self._puppet.frame(np.float32(up) * self._row, turn.astype(np.float32))
            shake = rng.normal(0, _POINTS_SHAKE * self._eyes, (98, 2)).astype(np.float32)
            yield round(t * 1e9), _grained(frame.image, camera.noise, rng), frame.landmarks_xy + shake


def _grained(image: UInt8, noise: float, rng: np.random.Generator) -> UInt8:
    h, w = image.shape[:2]
    grain = rng.standard_normal((h, w, 3), dtype=np.float32)
    grain *= 0.5 * noise
    grain += noise * rng.standard_normal((h, w, 1), dtype=np.float32)
    grain += image
    return np.asarray(np.clip(np.rint(grain), 0, 255), dtype=np.uint8)


def trial(sitter: Sitter, puppet: Puppet, what: tuple[str, float], camera: Camera, seed: int) -> Trial:
    """Film a movement and let the spotter look.

    Args:
        sitter: who.
        puppet: of the sitter's portrait.
        what: motion, amplitude in %.
        camera: how.
        seed: of noise, jitter and sway.
    """
    film = Film(puppet, *what)
    spotter = Spotter(camera.threshold)
    try:
        for t_ns, picture, points in film.frames(camera, seed):
            spotter.watch(0, picture, points, t_ns)
        found = spotter.finish()
    finally:
        spotter.close()
    return judged(found, Trial(sitter.source, sitter.portrait.name, *what, film.moved, "", 0, 0))


def judged(found: list[Spotted], asked: Trial) -> Trial:
    """The trial with what was found: the finding that overlaps the movement most is its own, all others are false."""
    ranked = sorted(found, key=overlap, reverse=True)
    own = ranked[:1] if ranked and overlap(ranked[0]) >= _OVERLAP else []
    rest = [s.event.kind for s in ranked[len(own) :]]
    kind = own[0].event.kind if own else ""
    named = asked.source, asked.portrait, asked.motion, asked.amplitude, asked.moved
    return Trial(*named, kind, rest.count("micro"), rest.count("macro"))


def overlap(spotted: Spotted) -> float:
    """Intersection over union with the true span."""
    a, b = spotted.event.onset_ns / 1e9, spotted.event.offset_ns / 1e9
    shared = min(b, SPAN_S[2]) - max(a, SPAN_S[0])
    return max(0.0, shared) / (max(b, SPAN_S[2]) - min(a, SPAN_S[0]))
