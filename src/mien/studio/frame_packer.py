"""Finished frames on their way to the pages: packed in a thread of their own, so that the capture does not wait."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import cv2
import numpy as np

from mien.animate.signal import FaceSignal
from mien.core.arrays import UInt8
from mien.core.record import FrameRecord
from mien.sinks.live.outlet import Outlets
from mien.studio.clock import now_ms, server_ms
from mien.studio.judge import LiveJudge
from mien.studio.marks import MarkList
from mien.studio.messages import Receiver, Status
from mien.studio.unprofiled import Unprofiled
from mien.studio.wire import FrameNews, pack_frame

if TYPE_CHECKING:
    from mien.studio.live_session import LiveSession

WIDEST_PX = 960
_QUALITY = 80
_END_S = 2.0


class FramePacker:
    """Takes finished frames, packs the newest and gives it to the hub.

    Args:
        owner: says whether pixels are kept back.
        judge: sees every frame.
        marks: gathers the expressions of every frame.
        plain: reads what is packed once more without the profile, and is closed when nothing is packed any more;
            None = there is none to compare with.
        failed: is told, in the packing thread, that packing has ended with an error.

    Attributes:
        error: what ended the packing, or None.
    """

    def __init__(
        self,
        owner: LiveSession,
        judge: LiveJudge,
        marks: MarkList,
        plain: Unprofiled | None = None,
        failed: Callable[[], None] | None = None,
    ) -> None:
        self._owner, self._judge, self._marks, self._plain = owner, judge, marks, plain
        self._failed = failed
        self.error: Exception | None = None
        self._changed = threading.Condition()
        self._next: tuple[FrameRecord, FaceSignal] | None = None
        self._closing = threading.Event()
        self._followed = 0
        owner.hub.say(marks.said, keep=True)
        self._thread = threading.Thread(target=self._work, name="mien-studio-pack", daemon=True)
        self._thread.start()

    def show(self, record: FrameRecord, signal: FaceSignal) -> None:
        """See `mien.recorder.live.Show`."""
        self._judge.see(record)
        self._followed = signal.track_id
        if self._marks.see(record):
            self._owner.hub.say(self._marks.said, keep=True)
        with self._changed:
            self._next = record, signal
            self._changed.notify()

    def _work(self) -> None:
        try:
            self._pack_all()
        except Exception as error:  # noqa: BLE001  whatever it is, the run must not go on without its frames
            self.error = error
            if self._failed is not None:
                self._failed()
        finally:
            if self._plain is not None:
                self._plain.close()  # here, where nobody can be reading with it any more

    def _pack_all(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._next is not None or self._closing.is_set())
                if self._next is None or self._closing.is_set():
                    return
                (record, signal), self._next = self._next, None
            if not self._owner.hub.pages:
                continue
            picture = b"" if self._owner.session.privacy or record.image is None else jpeg(record.image)
            plain = None if self._plain is None else self._plain.weights(record)
            captured_ms = server_ms(record.stamp.t_ns)
            news = FrameNews(captured_ms, now_ms(), self._judge.dropped, self._judge.fps, picture, plain)
            packed = pack_frame(record, signal, news)
            if self._closing.is_set():  # this was long ago: another run may have begun
                return
            if not self._owner.give(packed, pixels=bool(picture)):
                continue
            self._judge.ready(now_ms() - captured_ms)

    def status(self, outlets: Outlets) -> None:
        """Tell the pages how it goes."""
        judge = self._judge
        measure, latency, stages = judge.times_ms()
        receivers = [
            Receiver(
                to=f["to"],
                sent=f["sent"],
                replaced=f["replaced"],
                unsent=f["unsent"],
                p50_ms=f["latency_ms"]["p50"],
                p95_ms=f["latency_ms"]["p95"],
                problem=f["problem"],
            )
            for f in (o.figures() for o in outlets.outlets)
        ]
        status = Status(
            frames=judge.frames,
            fps=0.0 if judge.fps != judge.fps else judge.fps,
            dropped=judge.dropped,
            measure_ms=measure,
            latency_ms=latency,
            stages_ms=stages,
            warnings=judge.warnings(self._followed),
            receivers=receivers,
            pages=len(self._owner.hub.pages),
        )
        self._owner.hub.say(status)

    def close(self) -> None:
        """End, and wait a little for the frame that is being packed."""
        with self._changed:
            self._closing.set()
            self._changed.notify()
        self._thread.join(_END_S)


def jpeg(image: UInt8) -> bytes:
    """A JPEG of an (H, W, 3) RGB picture, at most `WIDEST_PX` wide or high."""
    longest = max(image.shape[:2])
    if longest > WIDEST_PX:
        f = WIDEST_PX / longest
        image = np.asarray(cv2.resize(image, None, fx=f, fy=f, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    done, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return data.tobytes() if done else b""
