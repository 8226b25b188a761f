"""The overlay video: the picture with everything that was found, the character beside it.

Time in the video is the time of the stamps (counted from the first frame), so a source with a variable frame
rate gives a video with a variable frame rate. While capturing, `overlay.part-N.mp4` grows; `close` makes
`overlay.mp4` of all parts, also those of the capture that this one resumes.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from pydantic import Field

from mien.core.arrays import UInt8
from mien.core.record import FrameRecord
from mien.core.timebase import timecode
from mien.errors import ConfigError, SinkError
from mien.pipeline import stage
from mien.pipeline.stage import TakeHeader, TakeSummary
from mien.runtime.light import in_light
from mien.sinks.overlay_drawing import DARK, Placing, chip, draw_face, text_px
from mien.sinks.overlay_panel import Panel
from mien.sinks.video_segment import SegmentWriter, explained, facts_of, join

VIDEO_FILE = "overlay.mp4"
_PARTS = "overlay.part-{:03d}.mp4"


class OverlayOptions(stage.Options):
    """What the overlay shows."""

    character: bool = Field(default=True, description="draw the animated character beside the picture")
    bars: bool = Field(default=True, description="draw bars for the strongest action units")
    max_height: int = Field(default=1080, ge=64, description="larger pictures are scaled down to this height, px")
    crf: int = Field(default=20, ge=0, le=51, description="quality of the video: lower is better and larger")


class OverlaySink:
    """Writes `overlay.mp4` in `folder` (see `pipeline.stage.Sink`).

    With a landmarks-only take (`header.pixels` False) faces are drawn on a dark ground.

    Args:
        options: see `OverlayOptions`.
        folder: where; made if missing.
        resume: go on behind the video that is there.
    """

    Options = OverlayOptions
    reads: frozenset[str] = frozenset({"image"})

    def __init__(self, options: OverlayOptions | None = None, *, folder: Path, resume: bool = False) -> None:
        self._options = options or OverlayOptions()
        self._folder = Path(folder)
        self._resume = resume
        self._pixels = True
        self._earlier: list[Path] = []
        self._part: Path | None = None
        self._writer: SegmentWriter | None = None
        self._panel: Panel | None = None
        self._picture_wh = (0, 0)

    @property
    def path(self) -> Path:
        """The finished file."""
        return self._folder / VIDEO_FILE

    def open(self, header: TakeHeader) -> None:
        """Prove that the folder can be written.

        Raises:
            SinkError: it cannot, or a video is there already and `resume` was not asked for.
            ConfigError: the video to be resumed was begun with other options: their pictures do not join.
        """
        self._pixels = header.pixels
        with explained(self.path):
            self._folder.mkdir(parents=True, exist_ok=True)
            parts = sorted(self._folder.glob(_PARTS.replace("{:03d}", "[0-9]*")))
            if (self.path.exists() or parts) and not self._resume:
                raise SinkError(f"{self._folder} already holds an overlay: choose another folder or overwrite it")
            self._check_options([self.path] if self.path.exists() else parts)
            number = 1 + max((int(p.stem.rpartition("-")[2]) for p in parts), default=-1)
            if self.path.exists():
                # Parts beside a finished video are left-overs of its making.
                for part in parts:
                    part.unlink()
                parts, number = [self._folder / _PARTS.format(0)], 1
                self.path.replace(parts[0])
            self._earlier = parts
            self._part = self._folder / _PARTS.format(number)
            self._part.write_bytes(b"")
            self._part.unlink()

    def _check_options(self, videos: list[Path]) -> None:
        now = self._options.model_dump()
        for video in videos:
            before = facts_of(video).get("options", now)
            for key in now:
                if before.get(key) != now[key]:
                    raise ConfigError(
                        f"the overlay cannot be resumed: overlay.{key} was {before.get(key)!r} and is {now[key]!r} "
                        "now; resume with the same options, or choose another folder"
                    )

    def write(self, record: FrameRecord) -> None:
        """Draw and encode one frame.

        Raises:
            SinkError: disk full or gone; what was written before stays playable.
        """
        writer = self._writer or self._start(record)
        writer.write(self._compose(record), record.stamp.t_ns)

    def _start(self, record: FrameRecord) -> SegmentWriter:
        """The first frame decides the size of the video; of a resumed one, the video that is there."""
        w, h = record.size_wh
        scale = min(1.0, self._options.max_height / h)
        self._picture_wh = (_even(w * scale), _even(h * scale))
        for part in self._earlier:
            known = facts_of(part).get("picture_wh")
            if isinstance(known, list) and len(known) == 2:
                self._picture_wh = (_even(known[0]), _even(known[1]))
                break
        w, h = self._picture_wh
        shown = {"character": self._options.character, "bars": self._options.bars}
        panel_w = _even(min(h * 2 / 3, w * 0.6)) if any(shown.values()) else 0
        self._panel = Panel((panel_w, h), **shown) if panel_w >= 16 else None
        size_wh = (w + (panel_w if self._panel else 0), h)
        if self._part is None:
            raise SinkError(f"{self.path}: written to before it was opened")
        facts = {"picture_wh": [w, h], "options": self._options.model_dump()}
        self._writer = SegmentWriter(self._part, size_wh, self._options.crf, facts)
        return self._writer

    def _compose(self, record: FrameRecord) -> UInt8:
        picture = self._background(record)
        placing = Placing.fit(record.size_wh, self._picture_wh)
        for face in record.faces:
            draw_face(picture, face, placing, record.size_wh)
        height = text_px(picture)
        at = (height * 0.6, self._picture_wh[1] - height * 2.4)
        lit = "  shown brighter" if self._pixels and _brighter(record.image) is not record.image else ""
        chip(picture, at, f"{timecode(record.stamp.t_ns)}  #{record.stamp.index}{lit}")
        if not record.faces:
            chip(picture, (at[0], height * 0.6), "no face")
        return picture if self._panel is None else np.hstack([picture, self._panel.draw(record)])

    def _background(self, record: FrameRecord) -> UInt8:
        """(H, W, 3) copy of the frame as the networks see it, scaled to fit; later frames of another size get bars at
        the sides."""
        w, h = self._picture_wh
        out = np.empty((h, w, 3), np.uint8)
        image = _brighter(record.image)
        if image is None or not self._pixels:
            out[:] = DARK
            return out
        if record.size_wh == self._picture_wh:
            np.copyto(out, image)
            return out
        placing = Placing.fit(record.size_wh, self._picture_wh)
        out[:] = 0
        (x, y), (pw, ph) = placing.offset_xy, placing.size_wh
        mode = cv2.INTER_AREA if placing.scale < 0.99 else cv2.INTER_LINEAR
        out[y : y + ph, x : x + pw] = cv2.resize(image, (pw, ph), interpolation=mode)
        return out

    def close(self, summary: TakeSummary) -> None:
        """Finish the part and make `overlay.mp4`; if that fails, the only part itself becomes the video.

        Raises:
            SinkError: disk full or gone.
        """
        failure: SinkError | None = None
        parts = list(self._earlier)
        if self._writer is not None and self._part is not None:
            try:
                self._writer.close()
            except SinkError as error:
                failure = error
            self._writer = None
            parts.append(self._part)
        if self._part is not None and self._part.exists() and not facts_of(self._part):
            self._part.unlink()  # no header came to the disk: there is nothing in it
        parts = [p for p in parts if p.exists() and facts_of(p)]
        if parts:
            failure = self._finish(parts) or failure
        if failure is not None:
            raise failure

    def _finish(self, parts: list[Path]) -> SinkError | None:
        try:
            join(parts, self.path)
        except SinkError as error:
            if len(parts) == 1:
                parts[0].replace(self.path)
            return error
        for part in parts:
            part.unlink(missing_ok=True)
        return None


def _brighter(image: UInt8 | None) -> UInt8 | None:
    """The picture as it is shown: brighter if it was taken in the dark, or nothing would be seen below the drawing."""
    return None if image is None else in_light(image)


def _even(value: float) -> int:
    """H.264 with 4:2:0 colour needs even sizes."""
    return max(2, int(value) // 2 * 2)
