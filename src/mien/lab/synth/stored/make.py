"""`make_dataset`: run an order to its end with several processes; can be interrupted and goes on where it stopped."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from mien.errors import RequestError, SinkError
from mien.lab.datasets.dataset import open_dataset
from mien.lab.datasets.sheet import contact_sheet, write_sheet
from mien.lab.datasets.synthetic_table import FORMAT, MANIFEST
from mien.lab.render.surroundings import background_files
from mien.lab.synth.stored.blocks import is_made, make_block, part_path, write_error
from mien.lab.synth.stored.faces import face_sample, rig_of_order
from mien.lab.synth.stored.order import Order
from mien.lab.synth.stored.state import state_of
from mien.take.folder_lock import LOCK_FILE, locked

SHEET, SHEET_POINTS = "sheet.png", "sheet-points.png"
_COMPILED_WITH = 4
_BYTES = {"jpg": 0.35, "png": 2.4}
"""About how many bytes a pixel takes on disk."""


class Progress(Protocol):
    """Told what is going on."""

    def started(self, done: int, total: int) -> None:
        """Work begins; `done` samples are there already."""

    def advance(self, samples: int) -> None:
        """So many more samples are finished."""


@dataclass(frozen=True, slots=True)
class Made:
    """What `make_dataset` did.

    Attributes:
        out: the folder.
        samples: in the dataset now.
        new: made by this call.
        seconds: this call took, by the clock.
        splits: samples by split.
    """

    out: Path
    samples: int
    new: int
    seconds: float
    splits: dict[str, int]


def make_dataset(order: Order, out: Path, workers: int, resume: bool, progress: Progress) -> Made:
    """Make a synthetic dataset.

    Args:
        order: what it consists of.
        out: its folder; must be empty or new, unless `resume`.
        workers: processes; 0 = in this process.
        resume: go on with a dataset that is there; `order.count` may be larger than before.
        progress: is told.

    Raises:
        RequestError: the folder holds something else, or a dataset of another order.
        SourceError: a rig or the backgrounds cannot be read.
        SinkError: something cannot be written, or a worker died; what is finished stays.
    """
    begin = time.monotonic()
    if not out.name:
        raise RequestError("--out: name a folder")
    if out.exists() and not out.is_dir():
        raise RequestError(f"{out}: is a file; name a folder")
    for place in range(len(order.rigs)):
        rig_of_order(order, place)  # a wrong folder shows at once
    if order.backgrounds:
        background_files(Path(order.backgrounds))
    try:
        out.mkdir(parents=True, exist_ok=True)
        with locked(out, "mien lab synth"):
            _check_folder(order, out, resume)
            missing = [b for b in range(order.blocks) if not is_made(order, out, b)]
            new = sum(len(order.block_range(b)) for b in missing)
            _check_room(order, out, new)
            _write_manifest(order, out, {"complete": False})
            progress.started(order.count - new, order.count)
            _run(order, out, missing, (workers, progress))
            splits = _finish(order, out)
    except OSError as error:
        raise write_error(out, error) from error
    return Made(out, order.count, new, time.monotonic() - begin, splits)


def _check_folder(order: Order, out: Path, resume: bool) -> None:
    if all(entry.name == LOCK_FILE for entry in out.iterdir()):
        return
    manifest = out / MANIFEST
    if not manifest.is_file():
        raise RequestError(f"{out}: is not empty and holds no {MANIFEST}; name a new folder")
    if not resume:
        raise RequestError(f"{out}: holds a synthetic dataset; go on with --resume, or name a new folder")
    try:
        found = json.loads(manifest.read_text(encoding="utf-8"))
        asked = dict(found["order"])
        made = int(asked["count"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise RequestError(f"{manifest}: cannot be read ({error}); name a new folder") from None
    if found.get("format") != FORMAT or found.get("state") != state_of(order):
        raise RequestError(
            f"{out}: was begun with another state of Mien, its libraries, the rigs' files or the backgrounds: pictures "
            "may differ; name a new folder"
        )
    if differing := order.differences(asked):
        mine = order.told()
        told = ", ".join(f"{k}: there {asked.get(k)!r}, asked {mine[k]!r}" for k in differing)
        raise RequestError(f"{out}: holds a dataset of another order ({told}); name a new folder")
    if order.count < made and any(part_path(out, b).exists() for b in range(order.blocks, -(-made // order.per_block))):
        raise RequestError(f"{out}: was ordered with {made} samples; --n {order.count} would be fewer")


def _check_room(order: Order, out: Path, new: int) -> None:
    if order.kind.kind == "clips":
        return  # how long clips are is not known before
    need = new * order.size_px**2 * _BYTES[order.picture_format]
    free = shutil.disk_usage(out).free
    if need > free:
        raise SinkError(
            f"{out}: about {need / 1e6:,.0f} MB are needed and {free / 1e6:,.0f} MB are free; ask for fewer or smaller "
            "pictures, or name a folder on another disk"
        )


def _run(order: Order, out: Path, blocks: Iterable[int], how: tuple[int, Progress]) -> None:
    workers, progress = how
    if workers < 1:
        for block in blocks:
            progress.advance(make_block(order, out, block))
        return
    queue = list(blocks)
    if not queue:
        return
    # Compiled code is cached on disk, and two processes that compile for the first time would write over each other.
    for i in order.block_range(queue[0])[:_COMPILED_WITH]:
        face_sample(order, i)
    context = multiprocessing.get_context("spawn")
    with _termination_stops(), ProcessPoolExecutor(workers, mp_context=context, initializer=_calm) as pool:
        running: set[Future[int]] = set()
        try:
            for block in queue:
                running.add(pool.submit(make_block, order, out, block))
                if len(running) >= 2 * workers:
                    running = _collect(running, progress)
            while running:
                running = _collect(running, progress)
        except BaseException:
            _stop(running)
            raise


def _collect(running: set[Future[int]], progress: Progress) -> set[Future[int]]:
    done, rest = wait(running, return_when=FIRST_COMPLETED)
    for future in done:
        try:
            progress.advance(future.result())
        except BrokenProcessPool:
            raise SinkError(
                "a worker process died (out of memory?); what is finished stays: go on with --resume, fewer --workers"
            ) from None
    return rest


def _stop(running: set[Future[int]]) -> None:
    """Blocks are whole or not there: workers can be stopped anywhere."""
    for future in running:
        future.cancel()
    for child in multiprocessing.active_children():
        child.terminate()


def _calm() -> None:
    """Ctrl-C reaches every process of the terminal; only the first one decides what it means."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def _end_with_parent() -> None:
    """A worker whose parent was killed must not go on writing."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _termination_stops() -> Iterator[None]:
    """SIGTERM ends the work as Ctrl-C does, so that the workers are stopped too."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _finish(order: Order, out: Path) -> dict[str, int]:
    """Read it back, draw the contact sheets, say in the manifest that it is whole."""
    dataset = open_dataset("synthetic", out)
    there = len({s.attributes["clip"] for s in dataset}) if order.kind.kind == "clips" else len(dataset)
    if dataset.findings.problems or there != order.count:
        told = "; ".join(str(f) for f in dataset.findings.problems) or f"{there} of {order.count} samples"
        raise SinkError(f"{out}: does not read back as written: {told}; go on with --resume")
    write_sheet(contact_sheet(dataset), out / SHEET)
    if order.kind.kind != "clips":  # their points are in tables of their own, frame by frame
        write_sheet(contact_sheet(dataset, points=True), out / SHEET_POINTS)
    if hasattr(os, "sync"):
        os.sync()  # the manifest must not say "complete" before the pictures are on the disk
    people = {p for s in dataset for p in s.attributes.get("subjects", (s.subject,))}
    facts: dict[str, Any] = {"complete": True, "splits": dataset.split_counts, "persons": len(people - {None})}
    _write_manifest(order, out, facts)
    return dataset.split_counts


def _write_manifest(order: Order, out: Path, facts: dict[str, Any]) -> None:
    table = {
        "format": FORMAT,
        "made_by": f"mien {version('mien')}",
        "state": state_of(order),
        "task": order.task,
        "kind": order.kind.kind,
        "order": order.told(),
        "attribution": [rig_of_order(order, i).attribution() for i in range(len(order.rigs))],
        "split_rule": "by the SHA-256 of synthetic/subject: 70 % train, 15 % val, 15 % test; subjects are persons",
        **facts,
    }
    unfinished = out / f"{MANIFEST}.unfinished"
    unfinished.write_text(json.dumps(table, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    unfinished.replace(out / MANIFEST)
