"""The spotter as a stage: `record.events` gets what ended shortly before the frame."""

from __future__ import annotations

from dataclasses import replace

from pydantic import Field

from mien.core.record import FrameRecord
from mien.micro.spotter import Spotter
from mien.micro.threshold import FLOOR, THRESHOLD
from mien.pipeline import stage
from mien.pipeline.stage import StageBase


class Options(stage.Options):
    """Options of `SpotStage`."""

    threshold: float = Field(default=THRESHOLD, ge=FLOOR, le=1, description="probability from which a movement counts")
    model: str = Field(default="micro-spotter", description="name of a shipped model, or a folder with model.onnx")
    backend: str | None = Field(default=None, description="inference backend; none = the best installed")


class SpotStage(StageBase):
    """Adds micro- and macro-expressions to the events at most 0.6 s after they ended, each at most once; see
    `Spotter.decide`. Uses the image if the record has one; else the landmarks alone, which are coarser. Faces without
    an id are passed over."""

    reads = frozenset({"faces.landmarks", "faces.track_id"})
    writes = frozenset({"events"})

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()
        self._spotter = Spotter(
            self.options.threshold, model=self.options.model, backend=self.options.backend, keep=False
        )

    @property
    def models(self) -> tuple[str, ...]:
        return (self._spotter.model_id,)

    def step(self, record: FrameRecord) -> FrameRecord:
        for face in record.faces:
            points = face.landmarks
            if face.track_id is not None and points is not None and points.schema.name == "wflw98":
                self._spotter.watch(face.track_id, record.image, points.xy, record.stamp.t_ns)
        found = tuple(s.event for s in self._spotter.decide(record.stamp.t_ns))
        return replace(record, events=(*record.events, *found)) if found else record

    def reset(self, track_id: int | None = None) -> None:
        self._spotter.forget(track_id)

    def close(self) -> None:
        self._spotter.close()
