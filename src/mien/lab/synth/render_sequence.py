"""`render_sequence`: a sequence as pictures with everything that is known about each.

One person, one look, one light, one background and one camera for the whole sequence, all out of its seed; from frame
to frame change only the face, the eyes, the head, the brightness and the sensor's noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from mien.animate.motion import Pulse, course
from mien.core.arrays import Float32
from mien.lab.render.assemble import camera_of, stage
from mien.lab.render.camera import Faults, take
from mien.lab.render.prototypes import CLASSES, Face
from mien.lab.render.random_scene import Choices, View, Wishes, choose
from mien.lab.render.rasterize import draw
from mien.lab.render.sample import RenderedSample, label
from mien.lab.rigs.rig import Rig
from mien.lab.synth.expression_events import Event
from mien.lab.synth.sequence import FaceSequence

CALM = Wishes(attributes={"occlusion": False, "blur": False, "illumination": False}, max_yaw_deg=30.0)
"""What is asked of the scene unless something else is: a laboratory's, nothing before the face, sharp, well lit."""
_TURNED = 0.35
"""People who are filmed look towards the camera: still pictures' angles times this."""
_LEAST_JPEG = 80
"""Faint movement does not survive more; the sets of clips were recorded with light compression or none."""


def render_sequence(
    rig: Rig, sequence: FaceSequence, size_px: int = 256, wishes: Wishes | None = None, first: int = 0
) -> Iterator[RenderedSample]:
    """Draw a sequence frame by frame. The same arguments give the same bytes on the same machine.

    In each frame `expression` is the class of the expression under way ("neutral" outside of events; "other" where a
    macro-expression is of no class), `intensity` that of its strongest unit at that moment; `choices.face.compound`
    names a compound. `blendshapes` and `action_units` are those of the frame.

    Args:
        rig: whose faces; the person, look, light, room and camera are those of the sequence's seed.
        sequence: out of `random_sequence`.
        size_px: pictures are size × size.
        wishes: of the scene; None = `CALM`. Its `size_px` is replaced.
        first: frame to begin with (to resume).
    """
    still = scene_of(sequence, replace(wishes or CALM, size_px=size_px))
    for k in range(first, len(sequence)):
        choices = choices_at(still, sequence, k)
        staged = stage(rig, choices)
        drawing = draw(staged.scene)
        light = np.asarray(drawing.linear * sequence.light[k], dtype=np.float32)
        yield label(rig.name, take(light, choices.faults), choices, staged, drawing)


def scene_of(sequence: FaceSequence, wishes: Wishes) -> Choices:
    """What stays the same: the choices of the seed, turned nearly to the front, and a steady camera."""
    found = choose(sequence.seed, wishes)
    view, faults = found.view, found.faults
    return replace(
        found,
        view=replace(
            view,
            yaw_deg=_TURNED * view.yaw_deg,
            pitch_deg=_TURNED * view.pitch_deg,
            roll_deg=_TURNED * view.roll_deg,
            share=0.55 + 0.5 * (view.share - 0.48),
        ),
        faults=replace(faults, motion_px=0.0, halve=False, jpeg=max(faults.jpeg, _LEAST_JPEG) if faults.jpeg else 0),
    )


def choices_at(still: Choices, sequence: FaceSequence, frame: int) -> Choices:
    """The choices of one frame."""
    left, right = sequence.gaze_deg[frame].tolist()
    return replace(
        still,
        face=face_at(sequence, frame),
        view=_view(still, sequence.head_deg[frame], sequence.head_mm[frame]),
        faults=_noise(still.faults, sequence.seed, frame),
        gaze_deg=((left[0], left[1]), (right[0], right[1])),
    )


def face_at(sequence: FaceSequence, frame: int) -> Face:
    """What the face of a frame does, and what that is called."""
    shapes = sequence.shapes[frame]
    now = sequence.events_at(frame)
    if not now:
        return Face("neutral", 0.0, shapes)
    t_s = np.array([sequence.times_ns[frame] / 1e9])
    event, level = max(((e, strength(e, t_s)) for e in now), key=lambda pair: pair[1])
    name = event.emotion if event.emotion in CLASSES else "other"
    return Face(str(name), level, shapes, event.compound)


def strength(event: Event, t_s: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """Intensity 0–5 of an event's strongest unit at a moment, by the plain minimum-jerk course."""
    whole = Pulse(0, 1.0, event.onset_s, event.apex_s, event.offset_s)
    return float(course(whole, t_s)[0] * max(event.units.values()))


def _view(still: Choices, turned_deg: Float32, moved_mm: Float32) -> View:
    """The view of a head that turned and moved in front of a camera that stays and does not zoom."""
    view, camera = still.view, camera_of(still)
    away = view.distance_mm + float(moved_mm[2])
    on_mm = np.array(view.centre) * camera.size_px / camera.focal_px * view.distance_mm + moved_mm[:2]
    centre = on_mm / away * camera.focal_px / camera.size_px
    return View(
        yaw_deg=view.yaw_deg + float(turned_deg[0]),
        pitch_deg=view.pitch_deg + float(turned_deg[1]),
        roll_deg=view.roll_deg + float(turned_deg[2]),
        distance_mm=away,
        share=view.share * view.distance_mm / away,
        centre=(float(centre[0]), float(centre[1])),
    )


def _noise(faults: Faults, seed: int, frame: int) -> Faults:
    """The same camera with new noise."""
    row, column = np.random.default_rng([seed, frame]).integers(1 << 20, size=2)
    return replace(faults, noise_at=(int(row), int(column)))
