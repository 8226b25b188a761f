"""Label a source: every face is looked at, the believed ones are stored. Stops and resumes at any block.

python -m mien.lab.pseudo.labelling --source sfhq --folder photos/sfhq --purpose train --out DIR
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np

from mien.errors import RequestError, SinkError
from mien.lab.datasets.pseudo_labelled import MANIFEST, read_manifest, write_part
from mien.lab.datasets.splits import hashed_split
from mien.lab.pseudo import label_folder
from mien.lab.pseudo.label_folder import Order, Summary
from mien.lab.pseudo.look import AnyTeacher
from mien.lab.pseudo.sources import SOURCES, Listing, Picture, Purpose, list_source
from mien.lab.pseudo.verdict import refusal

log = logging.getLogger(__name__)

BLOCK = 64


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is: pictures done, of how many, faces kept in this run, seconds to go."""

    done: int
    total: int
    kept: int
    seconds_left: float


def label_source(
    order: Order,
    folder: str | Path,
    out: str | Path,
    told: Callable[[Progress], None] = lambda _: None,
    teacher: AnyTeacher | None = None,
) -> Summary:
    """Label a source into a folder that `open_dataset("pseudo:OUT")` reads. Again with the same order = resume.

    Args:
        order: what to label.
        folder: where the source is.
        out: the dataset's folder; made if it is not there.
        told: called after every picture.
        teacher: who labels; closed at the end. None = `teacher.Teacher`, which needs MediaPipe.

    Raises:
        RequestError: the purpose is not allowed, `out` holds another order, or the source has no boxes and the teacher
            no detector.
        SourceError: the source cannot be read.
        SinkError: `out` cannot be written.
    """
    listing = list_source(order.source, folder, order.purpose)
    pictures = _chosen(listing, order)
    target = Path(out)
    teacher = teacher or _mediapipe()
    try:
        if not teacher.finds_faces and any(p.boxes_xyxy is None for p in pictures):
            raise RequestError(
                f"{order.source}: does not say where faces are, and {teacher.description['models'][0]} has no "
                "detector; label it with MediaPipe (no --model)"
            )
        label_folder.begin(target, order, teacher)
        faces, kept, spent = 0, 0, 0.0
        began = time.monotonic()
        blocks = [pictures[i : i + BLOCK] for i in range(0, len(pictures), BLOCK)]
        missing = [i for i in range(len(blocks)) if not label_folder.is_made(target, i)]
        done = len(pictures) - sum(len(blocks[i]) for i in missing)
        before = done
        for i in missing:
            rows: list[dict[str, Any]] = []
            for picture in blocks[i]:
                fresh = _rows(teacher, picture, order, target)
                rows += fresh
                done += 1
                kept += sum(not row["refused"] for row in fresh)
                spent = time.monotonic() - began
                told(Progress(done, len(pictures), kept, spent / (done - before) * (len(pictures) - done)))
            write_part(rows, label_folder.part_path(target, i))
            faces += len(rows)
        summary = label_folder.summary_of(target, listing, spent / faces if faces else float("nan"))
        label_folder.write_manifest(target, order, teacher, summary)
        return summary
    except OSError as error:
        raise SinkError(f"{target}: cannot be written ({error}); free space or choose another folder") from error
    finally:
        teacher.close()


def _mediapipe() -> AnyTeacher:
    """Imported only where it is used: other teachers do without MediaPipe."""
    from mien.lab.pseudo.teacher import Teacher

    return Teacher()


def _chosen(listing: Listing, order: Order) -> tuple[Picture, ...]:
    if order.refused_by:
        wanted = _refused(Path(order.refused_by), order.source)
        listing = replace(listing, pictures=tuple(p for p in listing.pictures if p.name in wanted))
    total, count = len(listing.pictures), order.count
    if not count or count >= total:
        return listing.pictures
    return tuple(listing.pictures[i] for i in np.linspace(0, total - 1, count).round().astype(int).tolist())


def _refused(folder: Path, source: str) -> frozenset[str]:
    """Names of the pictures of which earlier labels refuse a face."""
    before = read_manifest(folder / MANIFEST).get("source")
    if before != source:
        raise RequestError(f"{folder}: holds labels of {before}, not of {source}")
    names = (n for part in label_folder.parts(folder) for n in part["name"][part["refused"] != ""])
    return frozenset(str(n).rpartition("_face")[0] or str(n) for n in names)


def _rows(teacher: AnyTeacher, picture: Picture, order: Order, target: Path) -> list[dict[str, Any]]:
    """One row per face of a picture; the crops of the kept ones are written."""
    image = picture.image()
    boxes = picture.boxes_xyxy if picture.boxes_xyxy is not None else tuple(teacher.boxes(image))
    limits = order.limits if picture.need_detection else order.limits.model_copy(update={"need_detection": False})
    split = picture.split or hashed_split(f"pseudo/{order.source}", picture.subject)
    if order.purpose == "test":
        split = "test"  # what was labelled for tests is never trained on
    rows = []
    for k, box in enumerate(boxes):
        name = picture.name if len(boxes) == 1 else f"{picture.name}_face{k}"
        look = teacher.label(image, box)
        reason = refusal(look, (image.shape[1], image.shape[0]), limits)
        row: dict[str, Any] = {"name": name, "subject": picture.subject, "refused": reason}
        row |= {"split": split, "expression": picture.expression, "attributes": json.dumps(dict(picture.attributes))}
        row |= label_folder.numbers(look)
        if look is not None and not reason:
            row |= label_folder.stored(image, look, name, target)
        rows.append(row)
    return rows


def main(arguments: list[str] | None = None) -> None:
    """Command line of the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", choices=sorted(SOURCES), required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--purpose", choices=get_args(Purpose), default="test")
    parser.add_argument("--count", type=int, default=0, help="pictures, evenly spread over the source; 0 = all")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    order = Order(source=given.source, purpose=given.purpose, count=given.count)
    summary = label_source(order, given.folder, given.out, _tell)
    log.info("kept %s, refused %s, left out %s", dict(summary.kept), dict(summary.refused), dict(summary.left_out))
    log.info("%.3f s per face", summary.seconds_per_face)


def _tell(progress: Progress) -> None:
    if progress.done % 50 == 0 or progress.done == progress.total:
        log.info("%d/%d, %d kept, %.0f s left", progress.done, progress.total, progress.kept, progress.seconds_left)


if __name__ == "__main__":
    main()
