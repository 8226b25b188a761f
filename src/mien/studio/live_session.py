"""The one live run that all pages look at: started, stopped and changed from any of them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mien.animate.live import LiveFace
from mien.core.record import FrameRecord
from mien.core.text import storable
from mien.errors import MienError, RequestError
from mien.pipeline.stage import SourceInfo
from mien.recorder.live import LiveRequest, live
from mien.sinks.live.outlet import Outlets
from mien.studio.browser_camera import BrowserCamera
from mien.studio.frame_packer import FramePacker
from mien.studio.hub import Hub
from mien.studio.judge import LiveJudge
from mien.studio.marks import MarkList, marks_expressions
from mien.studio.messages import Calibrate, Session, Start
from mien.studio.unprofiled import Unprofiled

_STATUS_S = 1.0
_END_S = 20.0
_FOREVER = 100_000

Work = Callable[[threading.Event, BrowserCamera | None], None]
"""Something else than a live run; ends soon after the event is set."""


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
        self._replace(asked, None)

    def begin(self, work: Work, asked: Calibrate) -> None:
        """Do something else with a source in place of a live run."""
        self._replace(asked, work)

    def _replace(self, asked: Start | Calibrate, work: Work | None) -> None:
        """However many are asked for, at most one waits for the present one to end: the newest."""
        with self._lock:
            before = self._run
            if before is not None and before.waits:
                before.ask(asked, work)
                return
            if before is not None:
                before.stop.set()
            self._run = _Run(self, before)
            self._run.ask(asked, work)
            self._run.thread.start()

    @contextmanager
    def showing(self) -> Iterator[Callable[[FrameRecord], None]]:
        """For work other than a live run: give the function every finished record, and the pages see it.

        The function raises what made it impossible to show the frames before.
        """
        face = LiveFace()
        packer = FramePacker(self, LiveJudge(), MarkList(watched=False))

        def show(record: FrameRecord) -> None:
            if packer.error is not None:
                raise packer.error
            packer.show(record, face.signal(record))

        try:
            yield show
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

    def begun(self, run: _Run) -> None:
        """A run waits no longer: from now on another one is another run."""
        with self._lock:
            run.waits = False

    def profile_path(self, name: str) -> Path:
        """File of a profile."""
        return self.profiles / f"{name}.toml"


class _Run:
    """One run and its thread.

    Attributes:
        stop: set it to end the run.
        camera: takes the pictures of a browser's camera; None = another source.
        waits: for the run before to end; what is asked of it may still change.
    """

    def __init__(self, owner: LiveSession, before: _Run | None) -> None:
        self.stop = threading.Event()
        self.camera: BrowserCamera | None = None
        self.waits = True
        self._owner, self._before = owner, before
        self._asked: Start | Calibrate = Start()
        self._work: Work | None = None
        self.thread = threading.Thread(target=self._go, name="mien-studio", daemon=True)

    def ask(self, asked: Start | Calibrate, work: Work | None) -> None:
        """What to do, in place of what was asked before; only while it waits."""
        self._asked, self._work = asked, work
        self.camera = BrowserCamera() if asked.source == "browser" else None
        self.stop.clear()

    def _go(self) -> None:
        if self._before is not None:
            self._before.thread.join(_END_S)
            self._before = None
        self._owner.begun(self)
        if self.stop.is_set():  # another end was asked for in the meantime: nothing is opened
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
        marks = MarkList(watched=marks_expressions(asked.preset))
        plain = Unprofiled(asked.preset, calm=asked.smooth) if asked.compare else None
        judge = LiveJudge(spots=marks.watched)
        packer = FramePacker(self._owner, judge, marks, plain, failed=self.stop.set)
        news = _News(self, packer)
        try:
            outcome = live(request, stop=self.stop, watcher=news, show=packer.show, source=self.camera)
        finally:
            packer.close()
        if packer.error is not None:
            raise packer.error
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
