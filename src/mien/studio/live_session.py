"""The one live run that all pages look at: started, stopped and changed from any of them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from mien.animate.live import LiveFace
from mien.animate.signal import FaceSignal
from mien.core.arrays import UInt8
from mien.core.record import FrameRecord
from mien.core.text import storable
from mien.errors import MienError, RequestError
from mien.pipeline.stage import SourceInfo
from mien.recorder.live import LiveRequest, live
from mien.sinks.live.outlet import Outlets
from mien.studio.browser_camera import BrowserCamera
from mien.studio.clock import now_ms, server_ms
from mien.studio.hub import Hub
from mien.studio.judge import LiveJudge
from mien.studio.messages import Calibrate, Receiver, Session, Start, Status
from mien.studio.wire import FrameNews, pack_frame

WIDEST_PX = 960
_QUALITY = 80
_STATUS_S = 1.0
_END_S = 20.0
_FOREVER = 100_000


class LiveSession:
    """Runs in threads of its own. Methods may be called from any thread and do not wait for the run.

    Args:
        hub: is told everything.
        profiles: folder of the persons' profiles.
    """

    def __init__(self, hub: Hub, profiles: Path) -> None:
        self.hub = hub
        self.profiles = profiles
        self._lock = threading.RLock()
        self._run: _Run | None = None
        self._session = Session(state="idle")
        hub.say(self._session, keep=True)

    @property
    def session(self) -> Session:
        """What the pages were told last."""
        return self._session

    def start(self, asked: Start) -> None:
        """Begin, in place of what is under way."""
        self._replace(lambda before: _Run(self, asked, before))

    def begin(self, work: Callable[[threading.Event, BrowserCamera | None], None], asked: Calibrate) -> None:
        """Do something else with a source in place of a live run."""
        self._replace(lambda before: _Run(self, asked, before, work))

    def _replace(self, make: Callable[[_Run | None], _Run]) -> None:
        with self._lock:
            before, self._run = self._run, None
            if before is not None:
                before.stop.set()
            self._run = make(before)
            self._run.thread.start()

    @contextmanager
    def showing(self) -> Iterator[Callable[[FrameRecord], None]]:
        """For work other than a live run: give the function every finished record, and the pages see it."""
        judge, face = LiveJudge(), LiveFace()
        packer = FramePacker(self, judge)
        try:
            yield lambda record: packer.show(record, face.signal(record))
        finally:
            packer.close()

    def stop(self) -> None:
        """End what is under way."""
        with self._lock:
            if self._run is not None:
                self._run.stop.set()

    def privacy(self, on: bool) -> None:
        """Whether pixels are kept back."""
        with self._lock:
            self.tell(privacy=on)
            if on:
                self.hub.forget("frame")

    def give(self, frame: bytes, *, pixels: bool) -> bool:
        """Publish a packed frame; False = it has pixels, and they are kept back by now."""
        with self._lock:
            if pixels and self._session.privacy:
                return False
            self.hub.publish("frame", frame)
            return True

    def picture(self, message: bytes) -> None:
        """A picture of a browser's camera; ignored unless one is waited for."""
        run = self._run
        if run is not None and run.camera is not None:
            run.camera.offer(message)

    def close(self) -> None:
        """End, and wait a little for it."""
        self.stop()
        run = self._run
        if run is not None:
            run.thread.join(_END_S)

    def tell(self, run: object = None, **changes: object) -> None:
        """Change what the pages know; `run` = only if this run is the present one."""
        with self._lock:  # or a run's change could undo a privacy switch
            if run is not None and run is not self._run:
                return
            self._session = self._session.model_copy(update=changes)
            self.hub.say(self._session, keep=True)

    def profile_path(self, name: str) -> Path:
        """File of a profile."""
        return self.profiles / f"{name}.toml"


class _Run:
    """One run and its thread; the frames are packed in a second one, so that the capture does not wait for it."""

    def __init__(
        self,
        owner: LiveSession,
        asked: Start | Calibrate,
        before: _Run | None,
        work: Callable[[threading.Event, BrowserCamera | None], None] | None = None,
    ) -> None:
        self.stop = threading.Event()
        self.camera = BrowserCamera() if asked.source == "browser" else None
        self._owner, self._asked, self._before, self._work = owner, asked, before, work
        self._packer: FramePacker | None = None
        self.thread = threading.Thread(target=self._go, name="mien-studio", daemon=True)

    def _go(self) -> None:
        if self._before is not None:
            self._before.thread.join(_END_S)
            self._before = None
        if self.stop.is_set():  # another one was asked for in the meantime: nothing is opened
            self._tell(state="ended", wants_camera=False)
            return
        asked = self._asked
        self._tell(
            state="starting",
            asked=asked if isinstance(asked, Start) else None,
            source=asked.source,
            problem=None,
            wants_camera=self.camera is not None,
        )
        try:
            if self._work is not None:
                self._tell(state="calibrating")
                self._work(self.stop, self.camera)
            elif isinstance(asked, Start):
                self._live(asked)
            self._tell(state="ended", wants_camera=False)
        except MienError as error:
            self._tell(state="failed", problem=storable(str(error)), wants_camera=False)
        except Exception as error:  # noqa: BLE001  a bug: the server and the pages go on
            self._tell(state="failed", problem=f"{type(error).__name__}: {error}", wants_camera=False)
        finally:
            if self.camera is not None:
                self.camera.close()

    def _live(self, asked: Start) -> None:
        overrides = []
        if asked.source in ("demo", "builtin"):
            overrides.append(f"source.loops={_FOREVER}")
        if asked.profile is not None:
            path = self._owner.profile_path(asked.profile)
            if not path.is_file():
                raise RequestError(f'there is no profile "{asked.profile}": calibrate first')
            overrides.append(f"action_units.profile={json.dumps(str(path), ensure_ascii=False)}")
        request = LiveRequest(asked.source, asked.to, asked.preset, overrides, asked.faces, asked.smooth, asked.lost)
        judge = LiveJudge()
        packer = self._packer = FramePacker(self._owner, judge)
        try:
            outcome = live(request, stop=self.stop, watcher=_News(self, packer), show=packer.show, source=self.camera)
        finally:
            packer.close()
        if outcome.error is not None:
            raise outcome.error

    def opened(self, info: SourceInfo) -> None:
        """The source is open."""
        self._tell(state="running", source=storable(info.name))

    def _tell(self, **changes: object) -> None:
        self._owner.tell(self, **changes)


class _News:
    """Watches the run: tells the pages once a second how it goes."""

    def __init__(self, run: _Run, packer: FramePacker) -> None:
        self._run, self._packer = run, packer
        self._told = time.monotonic()

    def started(self, info: SourceInfo, receivers: object) -> None:
        self._run.opened(info)

    def frame(self, record: FrameRecord, outlets: Outlets) -> None:
        if time.monotonic() - self._told >= _STATUS_S:
            self._told = time.monotonic()
            self._packer.status(outlets)


class FramePacker:
    """Takes finished frames, packs the newest and gives it to the hub.

    Args:
        owner: says whether pixels are kept back.
        judge: sees every frame.
    """

    def __init__(self, owner: LiveSession, judge: LiveJudge) -> None:
        self._owner, self._judge = owner, judge
        self._changed = threading.Condition()
        self._next: tuple[FrameRecord, FaceSignal] | None = None
        self._closing = False
        self._followed = 0
        self._thread = threading.Thread(target=self._pack, name="mien-studio-pack", daemon=True)
        self._thread.start()

    def show(self, record: FrameRecord, signal: FaceSignal) -> None:
        """See `mien.recorder.live.Show`."""
        self._judge.see(record)
        self._followed = signal.track_id
        with self._changed:
            self._next = record, signal
            self._changed.notify()

    def _pack(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._next is not None or self._closing)
                if self._next is None or self._closing:
                    return
                (record, signal), self._next = self._next, None
            if not self._owner.hub.pages:
                continue
            picture = b"" if self._owner.session.privacy or record.image is None else jpeg(record.image)
            captured_ms = server_ms(record.stamp.t_ns)
            news = FrameNews(captured_ms, now_ms(), self._judge.dropped, self._judge.fps, picture)
            packed = pack_frame(record, signal, news)
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
        """End."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(2.0)


def jpeg(image: UInt8) -> bytes:
    """A JPEG of an (H, W, 3) RGB picture, at most `WIDEST_PX` wide or high."""
    longest = max(image.shape[:2])
    if longest > WIDEST_PX:
        f = WIDEST_PX / longest
        image = np.asarray(cv2.resize(image, None, fx=f, fy=f, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    done, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return data.tobytes() if done else b""
