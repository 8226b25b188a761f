"""Label a source: every face is looked at, the believed ones are stored. Stops and resumes at any block.

python -m mien.lab.pseudo.labelling --source sfhq --folder photos/sfhq --purpose train --out DIR
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, get_args

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from mien.core.arrays import Float32, UInt8
from mien.errors import RequestError, SinkError, SourceError
from mien.lab.datasets.pseudo_labelled import (
    FORMAT,
    KIND,
    LABELS,
    MANIFEST,
    PICTURES,
    TRUTH,
    read_manifest,
    read_part,
    write_part,
)
from mien.lab.datasets.splits import hashed_split
from mien.lab.pseudo.cut import cut
from mien.lab.pseudo.sources import SOURCES, Listing, Picture, Purpose, list_source, source_info
from mien.lab.pseudo.teacher import AnyTeacher, Look, Teacher
from mien.lab.pseudo.verdict import Limits, refusal

log = logging.getLogger(__name__)

BLOCK = 64
_JPEG = (cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)


class Order(BaseModel):
    """What is to be labelled.

    Attributes:
        source: name in `sources.SOURCES`.
        purpose: what the labels are for; refused where the source does not allow it.
        count: pictures of the listing, evenly spread over it; 0 = all.
        limits: what a face must keep.
        refused_by: folder of earlier labels of the same source: only pictures of which a face was refused there are
            looked at, a second opinion; "" = all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    purpose: Purpose = "test"
    count: int = Field(default=0, ge=0)
    limits: Limits = Limits()
    refused_by: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is: pictures done, of how many, faces kept in this run, seconds to go."""

    done: int
    total: int
    kept: int
    seconds_left: float


@dataclass(frozen=True, slots=True)
class Summary:
    """What came out.

    Attributes:
        kept: faces per split.
        refused: faces per reason.
        left_out: pictures per reason that the teacher never saw.
        seconds_per_face: of this run; NaN if nothing was left to do.
    """

    kept: Mapping[str, int]
    refused: Mapping[str, int]
    left_out: Mapping[str, int]
    seconds_per_face: float


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
        teacher: who labels; closed at the end. None = `Teacher`.

    Raises:
        RequestError: the purpose is not allowed, or `out` holds another order.
        SourceError: the source cannot be read.
        SinkError: `out` cannot be written.
    """
    listing = list_source(order.source, folder, order.purpose)
    pictures = _chosen(listing, order)
    target = Path(out)
    teacher = teacher or Teacher()
    try:
        _begin(target, order, teacher)
        faces, kept, spent = 0, 0, 0.0
        began = time.monotonic()
        blocks = [pictures[i : i + BLOCK] for i in range(0, len(pictures), BLOCK)]
        missing = [i for i in range(len(blocks)) if not _is_made(target, i)]
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
            write_part(rows, _part(target, i))
            faces += len(rows)
        summary = _summary(target, listing, spent / faces if faces else float("nan"))
        _write_manifest(target, order, teacher, summary)
        return summary
    except OSError as error:
        raise SinkError(f"{target}: cannot be written ({error}); free space or choose another folder") from error
    finally:
        teacher.close()


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
    names = (n for part in _parts(folder) for n in part["name"][part["refused"] != ""])
    return frozenset(str(n).rpartition("_face")[0] or str(n) for n in names)


def _part(target: Path, i: int) -> Path:
    return target / LABELS / f"part_{i:05d}.parquet"


def _is_made(target: Path, i: int) -> bool:
    """Whether a block is there with the pictures of every face that was kept; a damaged one is made again."""
    try:
        columns = read_part(_part(target, i))
        kept = columns["picture"][columns["refused"] == ""]
        return all((target / PICTURES / str(name)).stat().st_size > 0 for name in kept)
    except (OSError, SourceError):
        return False


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
        row |= _numbers(look)
        if look is not None and not reason:
            row |= _stored(image, look, name, target)
        rows.append(row)
    return rows


def _numbers(look: Look | None) -> dict[str, Any]:
    if look is None:
        return {}
    gap = look.detector_gap
    return {"spread": look.spread.mean(), "presence": look.presence.min(), "detector_gap": gap}


def _stored(image: UInt8, look: Look, name: str, target: Path) -> dict[str, Any]:
    """Write the crop; the row's labels in its px."""
    crop = cut(image, look.xy)
    relative = f"{name}.jpg" if crop.image.shape[0] > 128 else f"{name}.png"
    bgr = np.ascontiguousarray(crop.image[..., ::-1])
    done, data = cv2.imencode(Path(relative).suffix, bgr, _JPEG if relative.endswith("jpg") else ())
    if not done:
        raise OSError(f"{relative} cannot be encoded")
    (target / PICTURES / relative).write_bytes(data.tobytes())
    xy = crop.to_crop(look.xy)
    truth = {n: getattr(look.truth, n) for n in TRUTH}
    truth["landmark_spread_px"] = look.spread_px * crop.scale
    truth["five_xy"] = crop.to_crop(_known(look.truth.five_xy))
    box = np.concatenate([xy.min(axis=0), xy.max(axis=0)])
    return {
        "picture": relative,
        "box_xyxy": box,
        "landmarks_xy": xy,
        **truth,
        "inside_xyxy": crop.inside_xyxy,
        "source_scale": crop.scale,
    }


def _known(value: Float32 | None) -> Float32:
    if value is None:
        raise ValueError("the teacher gave no five points")
    return value


def _begin(target: Path, order: Order, teacher: AnyTeacher) -> None:
    """Make the folder, or check that it is the same order's."""
    if (target / MANIFEST).is_file():
        before = read_manifest(target / MANIFEST)
        if before.get("order") != order.model_dump() or before.get("teacher") != dict(teacher.description):
            raise RequestError(f"{target}: holds labels of another order or teacher; choose another folder")
        return
    for name in (LABELS, PICTURES):
        (target / name).mkdir(parents=True, exist_ok=True)
    _write_manifest(target, order, teacher, None)


def _write_manifest(target: Path, order: Order, teacher: AnyTeacher, summary: Summary | None) -> None:
    permission = source_info(order.source).permission
    manifest = {
        "kind": KIND,
        "format": FORMAT,
        "source": order.source,
        "purposes": list(permission.purposes),
        "licence": permission.licence,
        "credit": permission.credit,
        "order": order.model_dump(),
        "teacher": dict(teacher.description),
        "complete": summary is not None,
        "counts": None if summary is None else {k: v for k, v in asdict(summary).items() if k != "seconds_per_face"},
    }
    unfinished = target / f"{MANIFEST}.unfinished"
    unfinished.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    unfinished.replace(target / MANIFEST)


def _summary(target: Path, listing: Listing, seconds: float) -> Summary:
    kept: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for columns in _parts(target):
        good = columns["refused"] == ""
        kept.update(columns["split"][good].tolist())
        refused.update(columns["refused"][~good].tolist())
    return Summary(dict(sorted(kept.items())), dict(refused.most_common()), dict(listing.left_out), seconds)


def _parts(target: Path) -> Iterator[dict[str, Any]]:
    for path in sorted((target / LABELS).glob("part_*.parquet")):
        yield read_part(path)


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
