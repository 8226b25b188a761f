"""`render_sample`: one integer in, a picture of a face and everything that is known about it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mien.action_units.facs import action_units
from mien.core.arrays import Float32, UInt8
from mien.core.measures import ActionUnits, Blendshapes, Gaze, HeadPose, Landmarks
from mien.core.schema import load_schema
from mien.lab.render.assemble import Staged, stage
from mien.lab.render.camera import take
from mien.lab.render.random_scene import ATTRIBUTES, LARGE_TURN_DEG, Choices, Wishes, choose
from mien.lab.render.rasterize import Drawing, draw
from mien.lab.render.scene import Camera, Material
from mien.lab.rigs.landmarks import five_points, project
from mien.lab.rigs.rig import Rig

_MARGIN_MM = 6.0
"""Other parts of the face hide a point only from this far in front of it."""
_COVERS = np.zeros(len(Material) + 1, bool)
"""By material, whether it hides a face; the last entry, found by -1, is the background."""
_COVERS[[Material.HAIR, Material.GLASSES, Material.MASK, Material.HAND, Material.OBJECT]] = True
_BLURRED_PX = 4.0
_HIDDEN_POINTS = 5
"""So many points behind things make a face occluded."""
_LIPS = ((89, 95), (90, 94), (91, 93))


@dataclass(frozen=True, slots=True, eq=False)
class RenderedSample:
    """A picture and its truth.

    Attributes:
        image: (S, S, 3) uint8 RGB.
        box_xyxy: (4,) float32 px: the points and the forehead; may reach over the picture's edge.
        landmarks: 98 points (schema "wflw98"); confidence 1 = can be seen, 0 = hidden or outside.
        five_xy, five_visible: (5, 2) px and (5,) bool: right eye, left eye, nose tip, right and left mouth corner.
        pose: head pose; reprojection 0, confidence 1.
        gaze: of both eyes relative to the head; confidence 0 where a lid or thing hides the pupil.
        camera: that took it.
        blendshapes: ARKit-52.
        action_units: what the table of `action_units.facs` makes of them, 0–5.
        expression: out of `prototypes.CLASSES`; `intensity` 0–5, NaN for "other".
        identity: equal names = the same person; of the rig `rig`.
        attributes: WFLW's six, by name.
        choices: what it was made of.
    """

    image: UInt8
    box_xyxy: Float32
    landmarks: Landmarks
    five_xy: Float32
    five_visible: npt.NDArray[np.bool_]
    pose: HeadPose
    gaze: Gaze
    camera: Camera
    blendshapes: Blendshapes
    action_units: ActionUnits
    expression: str
    intensity: float
    identity: str
    rig: str
    attributes: Mapping[str, bool]
    choices: Choices


def render_sample(rig: Rig, seed: int, size_px: int = 256, wishes: Wishes | None = None) -> RenderedSample:
    """Make a sample. The same rig, seed and wishes give the same bytes on the same machine.

    Args:
        rig: whose faces.
        seed: 0 or more.
        size_px: the picture is size × size.
        wishes: backgrounds and attributes asked for; its `size_px` is replaced.
    """
    choices = choose(seed, replace(wishes or Wishes(), size_px=size_px))
    staged = stage(rig, choices)
    drawing = draw(staged.scene)
    return label(rig.name, take(drawing.linear, choices.faults), choices, staged, drawing)


def label(rig: str, image: UInt8, choices: Choices, staged: Staged, drawing: Drawing) -> RenderedSample:
    """What is known about a picture of `staged` that `drawing` shows."""
    camera = staged.scene.camera
    covered = np.zeros(98, bool)

    def hidden(points: Float32) -> npt.NDArray[np.bool_]:
        out, by_things = behind(drawing, camera, points)
        covered[:] = by_things
        return out

    seen = project(staged.posed, camera.camera_from_head, camera.translation_mm, _intrinsics(camera), hidden)
    inside = ((seen.xy >= -0.5) & (seen.xy <= camera.size_px - 0.5)).all(axis=1)
    visible = inside & ~seen.hidden
    shapes = Blendshapes.of(staged.shapes, np.ones(len(staged.shapes)))
    left, right = choices.gaze_deg
    five = five_points(seen.xy)
    # An eye is seen if most of its lid points are.
    eyes = [visible[60:68].mean() > 0.5, visible[68:76].mean() > 0.5]
    pose = HeadPose(camera.camera_from_head.astype(np.float32), camera.translation_mm.astype(np.float32), 0.0, 1.0)
    return RenderedSample(
        image=image,
        box_xyxy=_box(seen.xy, staged, camera),
        landmarks=Landmarks(seen.xy, visible.astype(np.float32), load_schema("wflw98")),
        five_xy=five,
        five_visible=np.array([*eyes, visible[54], visible[76], visible[82]]),
        pose=pose,
        gaze=Gaze(np.array(left, np.float32), np.array(right, np.float32), visible[[97, 96]].astype(np.float32)),
        camera=camera,
        blendshapes=shapes,
        action_units=units_of(staged),
        expression=choices.face.expression,
        intensity=choices.face.intensity,
        identity=staged.identity.name,
        rig=rig,
        attributes=_attributes(choices, staged, int((covered & inside).sum())),
        choices=choices,
    )


def units_of(staged: Staged) -> ActionUnits:
    """What the face does, as the table of `action_units.facs` has it; nothing is drawn for it."""
    points = staged.posed.points
    width = float(np.linalg.norm(points[72] - points[60]))
    gap = max(0.0, float(np.mean([points[a, 1] - points[b, 1] for a, b in _LIPS]))) / width
    return action_units(Blendshapes.of(staged.shapes, np.ones(len(staged.shapes))), {"lip_gap": (gap, 1.0)})


def behind(drawing: Drawing, camera: Camera, points_mm: Float32) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which points something hides, and which of them things hide (glasses, mask, hand, object; not hair).

    Most of the samples within a pixel must lie in front. A pupil must also show some of its eye.

    Args:
        drawing: the z-buffer.
        camera: that it belongs to.
        points_mm: (98, 3) camera frame.
    """
    size = len(drawing.near)
    middle = (camera.size_px - 1) / 2
    xy = points_mm[:, :2] / points_mm[:, 2:] * camera.focal_px + middle
    place = np.clip(np.round(2.0 * xy + 0.5), 2, size - 3).astype(np.int64)
    j, i = np.meshgrid(np.arange(-2, 3), np.arange(-2, 3))
    rows, columns = place[:, 1, None] + i.ravel(), place[:, 0, None] + j.ravel()
    near, kind = drawing.near[rows, columns], drawing.material[rows, columns]
    front = points_mm[:, 2:] - 1.0 / np.maximum(near, 1e-6)
    thing = _COVERS[kind] & (front > 0.5)
    by_things = (thing & (kind != Material.HAIR)).mean(axis=1) > 0.6
    out = ((front > _MARGIN_MM) | thing).mean(axis=1) > 0.6
    out[96:] |= ~(kind[96:] == Material.EYE).any(axis=1)
    return out, by_things


def _intrinsics(camera: Camera) -> npt.NDArray[np.float64]:
    middle = (camera.size_px - 1) / 2
    return np.array([[camera.focal_px, 0, middle], [0, camera.focal_px, middle], [0, 0, 1.0]])


def _box(xy: Float32, staged: Staged, camera: Camera) -> Float32:
    """The 98 points and the forehead, which is as far above the brows as people's mostly is."""
    forehead = staged.posed.points[[33, 35, 37, 42, 44, 46]] + np.array([0.0, 45.0, -14.0], np.float32)
    every = np.concatenate([xy, camera.pixels(forehead)])
    return np.asarray(np.concatenate([every.min(axis=0), every.max(axis=0)]), dtype=np.float32)


def _attributes(choices: Choices, staged: Staged, covered: int) -> Mapping[str, bool]:
    view, face = choices.view, choices.face
    strong = face.intensity > 3.5 if np.isfinite(face.intensity) else float(np.sort(staged.shapes)[-3:].mean()) > 0.55
    values = (
        abs(view.yaw_deg) > LARGE_TURN_DEG or abs(view.pitch_deg) > 30.0 or abs(view.roll_deg) > 30.0,
        bool(strong),
        staged.harsh or choices.faults.exposure < 0.3,
        choices.look.makeup is not None,
        covered >= _HIDDEN_POINTS,
        choices.faults.blur_px > _BLURRED_PX,
    )
    return dict(zip(ATTRIBUTES, (bool(v) for v in values), strict=True))
