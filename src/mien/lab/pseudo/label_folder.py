"""The folder that labels are stored in: its manifest, blocks of rows, pictures of the kept faces."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from mien.core.arrays import Float32, UInt8
from mien.errors import RequestError, SourceError
from mien.lab.datasets.pseudo_labelled import (
    FORMAT,
    KIND,
    LABELS,
    MANIFEST,
    PICTURES,
    TRUTH,
    read_manifest,
    read_part,
)
from mien.lab.pseudo.cut import cut
from mien.lab.pseudo.look import AnyTeacher, Look
from mien.lab.pseudo.sources import Listing, Purpose, source_info
from mien.lab.pseudo.verdict import Limits

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


def begin(target: Path, order: Order, teacher: AnyTeacher) -> None:
    """Make the folder, or check that it is the same order's.

    Raises:
        RequestError: it is another order's or teacher's.
    """
    if (target / MANIFEST).is_file():
        before = read_manifest(target / MANIFEST)
        if before.get("order") != order.model_dump() or before.get("teacher") != dict(teacher.description):
            raise RequestError(f"{target}: holds labels of another order or teacher; choose another folder")
        return
    for name in (LABELS, PICTURES):
        (target / name).mkdir(parents=True, exist_ok=True)
    write_manifest(target, order, teacher, None)


def write_manifest(target: Path, order: Order, teacher: AnyTeacher, summary: Summary | None) -> None:
    """Say what the folder holds; `summary` = None: it is not finished."""
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


def part_path(target: Path, i: int) -> Path:
    """Where block i of the rows lies."""
    return target / LABELS / f"part_{i:05d}.parquet"


def is_made(target: Path, i: int) -> bool:
    """Whether a block is there with the pictures of every face that was kept; a damaged one is made again."""
    try:
        columns = read_part(part_path(target, i))
        kept = columns["picture"][columns["refused"] == ""]
        return all((target / PICTURES / str(name)).stat().st_size > 0 for name in kept)
    except (OSError, SourceError):
        return False


def summary_of(target: Path, listing: Listing, seconds: float) -> Summary:
    """Counts of everything stored so far."""
    kept: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for columns in parts(target):
        good = columns["refused"] == ""
        kept.update(columns["split"][good].tolist())
        refused.update(columns["refused"][~good].tolist())
    return Summary(dict(sorted(kept.items())), dict(refused.most_common()), dict(listing.left_out), seconds)


def parts(target: Path) -> Iterator[dict[str, Any]]:
    """Columns of every block of rows."""
    for path in sorted((target / LABELS).glob("part_*.parquet")):
        yield read_part(path)


def numbers(look: Look | None) -> dict[str, Any]:
    """What a row says about how sure the teacher was; of refused faces too."""
    if look is None:
        return {}
    gap = look.detector_gap
    return {"spread": look.spread.mean(), "presence": look.presence.min(), "detector_gap": gap}


def stored(image: UInt8, look: Look, name: str, target: Path) -> dict[str, Any]:
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
