"""A detector and a landmark stage that see what a script says: faces as boxes that move over a grey picture."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from mien.core.measures import Box, Landmarks
from mien.core.record import Face, FrameRecord, Stamp
from mien.core.schema import load_schema
from mien.pipeline.stage import StageBase

Scene = Callable[[float], Mapping[str, tuple[float, float, float]]]
"""Time in s → name → (centre x, centre y, width)."""

SIZE_WH = (640, 360)
SCHEMA = load_schema("wflw98")
_SHAPE = np.random.default_rng(3).uniform(-1, 1, (98, 2))
_SHAPE[SCHEMA.index("right_eye_outer")] = (-0.6, -0.3)
_SHAPE[SCHEMA.index("left_eye_outer")] = (0.6, -0.3)


def landmarks_at(x: float, y: float, width: float) -> Landmarks:
    return Landmarks(_SHAPE * (width / 2) + [x, y], np.ones(98), SCHEMA)  # type: ignore[arg-type]


def box_at(x: float, y: float, width: float) -> Box:
    r = width / 2
    return Box(np.array([x - r, y - r, x + r, y + r], np.float32), 0.9)


def frame(index: int, t_s: float, shade: int = 90) -> FrameRecord:
    image = np.full((SIZE_WH[1], SIZE_WH[0], 3), shade, np.uint8)
    return FrameRecord(Stamp("scene", index, round(t_s * 1e9)), SIZE_WH, image)


class ScriptedDetector(StageBase):
    reads = frozenset({"image"})
    writes = frozenset({"faces"})

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.runs: list[float] = []

    def step(self, record: FrameRecord) -> FrameRecord:
        t = record.stamp.t_ns / 1e9
        self.runs.append(t)
        return replace(record, faces=tuple(Face(box_at(*place)) for place in self.scene(t).values()))


class ScriptedLandmarks(StageBase):
    """Finds in each region the scene's face whose centre lies in the middle half of it; drops the others."""

    reads = frozenset({"faces"})
    writes = frozenset({"faces.landmarks"})

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    def step(self, record: FrameRecord) -> FrameRecord:
        places = self.scene(record.stamp.t_ns / 1e9).values()
        faces = []
        for face in record.faces:
            assert face.crop is not None
            middle = face.crop.corners_xy.mean(axis=0)
            reach = float(np.linalg.norm(face.crop.corners_xy[1] - face.crop.corners_xy[0])) / 4
            near = [p for p in places if np.abs(np.array(p[:2]) - middle).max() < reach]
            if near:
                found = min(near, key=lambda p: float(np.hypot(*(np.array(p[:2]) - middle))))
                faces.append(replace(face, landmarks=landmarks_at(*found), box=box_at(*found)))
        return replace(record, faces=tuple(faces))
