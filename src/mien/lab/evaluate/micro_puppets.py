"""Recall of the spotter on real skin, by how far it moves: portraits moved by a known, faint movement and filmed again.

    python -m mien.lab.evaluate.micro_puppets --photos FOLDER

Each portrait is a still film with a camera's noise in which one unit rises and falls once. The amplitude is the largest
displacement of a landmark, in % of the distance between the outer eye corners.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mien.animate.motion import Pulse, course
from mien.core.arrays import Float32, UInt8
from mien.core.record import FrameRecord, Stamp
from mien.core.schema import load_schema
from mien.errors import SourceError
from mien.lab.datasets.pictures import read_picture
from mien.lab.pseudo.puppet import Portrait, Puppet
from mien.micro.spotter import Spotted, Spotter

MOTIONS: Mapping[str, tuple[str, ...]] = {
    "brows raised": ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
    "brows lowered": ("browDownLeft", "browDownRight"),
    "left lip corner": ("mouthSmileLeft",),
}
AMPLITUDES = (0.5, 1.0, 1.5)
"""% of the distance between the outer eye corners."""
SPAN_S = (1.2, 1.35, 1.55)
_SECONDS = 2.6
_PROBE = 0.4
_OVERLAP = 0.5


@dataclass(frozen=True, slots=True)
class Trial:
    """One film.

    Attributes:
        portrait, motion: what was moved.
        amplitude: % asked for.
        found: a finding overlaps the movement by half or more.
        kind: of that finding, or "".
        false: findings elsewhere.
    """

    portrait: str
    motion: str
    amplitude: float
    found: bool
    kind: str
    false: int


def film(
    puppet: Puppet, shapes: Sequence[str], amplitude: float, how: tuple[float, float, int]
) -> Iterator[tuple[int, UInt8, Float32]]:
    """(ns, picture, landmarks) of every frame.

    Args:
        puppet: on its strings.
        shapes: ARKit shapes that move together.
        amplitude: %, of the largest displacement of a landmark.
        how: frames per second, standard deviation of the camera's noise in grey levels, seed.
    """
    fps, noise, seed = how
    still = puppet.portrait.landmarks_xy
    eyes = float(np.linalg.norm(still[72] - still[60]))
    row = np.zeros(len(load_schema("arkit52")), np.float32)
    row[[load_schema("arkit52").index(n) for n in shapes]] = 1.0
    reach = np.linalg.norm(puppet.frame(_PROBE * row).landmarks_xy - still, axis=1).max() / _PROBE
    weight = amplitude / 100 * eyes / max(float(reach), 1e-6)
    rng = np.random.default_rng(seed)
    times = np.arange(round(_SECONDS * fps)) / fps
    for t, up in zip(times.tolist(), course(Pulse(0, 1.0, *SPAN_S), times).tolist(), strict=True):
        frame = puppet.frame(min(1.0, weight * up) * row)
        grain = rng.normal(0.0, noise, (*frame.image.shape[:2], 1)) + rng.normal(0.0, 0.5 * noise, frame.image.shape)
        picture = np.clip(frame.image + grain, 0, 255).astype(np.uint8)
        yield round(t * 1e9), picture, frame.landmarks_xy + rng.normal(0, 0.0015 * eyes, (98, 2)).astype(np.float32)


def trial(puppet: Puppet, motion: str, amplitude: float, how: tuple[float, float, int], threshold: float) -> Trial:
    """Film a movement and let the spotter look."""
    spotter = Spotter(threshold)
    try:
        for t_ns, picture, points in film(puppet, MOTIONS[motion], amplitude, how):
            spotter.watch(0, picture, points, t_ns)
        found = spotter.finish()
    finally:
        spotter.close()
    hits = [s for s in found if _overlap(s) >= _OVERLAP]
    kind = hits[0].event.kind if hits else ""
    return Trial(puppet.portrait.name, motion, amplitude, bool(hits), kind, len(found) - len(hits))


def _overlap(spotted: Spotted) -> float:
    a, b = spotted.event.onset_ns / 1e9, spotted.event.offset_ns / 1e9
    shared = min(b, SPAN_S[2]) - max(a, SPAN_S[0])
    return max(0.0, shared) / (max(b, SPAN_S[2]) - min(a, SPAN_S[0]))


def portraits_of(folder: Path, most: int) -> Iterator[Portrait]:
    """Portraits with landmarks of Mien's own chain; pictures without a face are passed over.

    Raises:
        SourceError: the folder holds no picture.
    """
    from mien.pipeline.compose import compose
    from mien.pipeline.config import load_config
    from mien.pipeline.stage import SourceInfo

    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if not files:
        raise SourceError(f"{folder}: holds no .jpg or .png")
    config = load_config("balanced", ())
    config["stages"] = ["detect", "landmarks"]
    given = 0
    for file in files:
        if given >= most:
            return
        image = read_picture(file)
        size = image.shape[1], image.shape[0]
        with compose(config, SourceInfo(file.name, "photo", size)) as pipeline:
            faces = pipeline.process(FrameRecord(Stamp(file.name, 0, 0), size, image)).faces
        if len(faces) == 1 and faces[0].landmarks is not None:
            given += 1
            yield Portrait(image, faces[0].landmarks.xy, file.name)


def table(trials: Sequence[Trial]) -> str:
    """Recall by amplitude and motion as Markdown; in brackets how many of the found were called micro."""
    head = [f"{a:g} %" for a in sorted({t.amplitude for t in trials})]
    lines = [f"| motion | {' | '.join(head)} |", "|---" * (len(head) + 1) + "|"]
    for motion in (*dict.fromkeys(t.motion for t in trials), "all"):
        cells = []
        for a in sorted({t.amplitude for t in trials}):
            own = [t for t in trials if t.amplitude == a and motion in (t.motion, "all")]
            hits = [t for t in own if t.found]
            cells.append(f"{len(hits)} of {len(own)} ({sum(t.kind == 'micro' for t in hits)})")
        lines.append(f"| {motion} | {' | '.join(cells)} |")
    seconds = _SECONDS * len(trials)
    lines.append(f"\n{sum(t.false for t in trials)} false findings in {seconds / 60:.1f} minutes")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Command line of the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True, help="folder of portraits")
    parser.add_argument("--count", type=int, default=6, help="portraits at most")
    parser.add_argument("--fps", type=float, default=100.0)
    parser.add_argument("--noise", type=float, default=2.0, help="grey levels")
    parser.add_argument("--threshold", type=float, default=0.5)
    given = parser.parse_args(arguments)
    trials = []
    for number, portrait in enumerate(portraits_of(given.photos, given.count)):
        try:
            puppet = Puppet(portrait)
        except SourceError:
            continue
        for motion in MOTIONS:
            for amplitude in AMPLITUDES:
                how = (given.fps, given.noise, number)
                trials.append(trial(puppet, motion, amplitude, how, given.threshold))
    print(table(trials))  # noqa: T201  a command's answer


if __name__ == "__main__":
    main()
