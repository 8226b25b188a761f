"""WIDER FACE: face boxes with attributes; the original lists and the five-point re-labels that RetinaFace published.

A list repeats: path, N, N lines `x y w h blur expression illumination invalid occlusion pose`. A picture with N = 0
still has one line of ten zeros. Boxes without area exist; they are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from mien.core.arrays import Float32, Int64
from mien.lab.datasets.reading import Reading, xywh_to_xyxy
from mien.lab.datasets.subset_json import read_box_subset
from mien.lab.datasets.tables import number
from mien.lab.datasets.widerface_levels import level_flags, read_levels

BOX_ATTRIBUTES = {"blur": 2, "expression": 1, "illumination": 1, "invalid": 1, "occlusion": 2, "pose": 1}
"""Name → highest value; in the order of the file."""
SPLITS = ("train", "val")
MAX_FACES = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class WiderPicture:
    """One block of a list.

    Attributes:
        line: number of the line with the path.
        path: `event/file.jpg`.
        xywh: (N, 4) float32, px.
        attributes: (N, 6) int64, in the order of BOX_ATTRIBUTES.
        oddities: what was wrong in it, in words.
    """

    line: int
    path: str
    xywh: Float32
    attributes: np.ndarray[tuple[int, int], np.dtype[np.int64]]
    oddities: tuple[str, ...] = ()


def parse_blocks(lines: Iterable[tuple[int, str]]) -> Iterator[WiderPicture]:
    """Blocks of `wider_face_*_bbx_gt.txt` from (line number, text). Never raises: a block that is cut or holds a
    line of another form gives what could be read, with its oddities; reading goes on at the next path."""
    stream = iter([*lines, (-1, "")])
    at, text = next(stream)
    while at != -1:
        if not _is_path(text):
            if text.strip():
                yield WiderPicture(at, "", *_arrays([]), (f"expected a picture's path, found {text[:40]!r}",))
            at, text = next(stream)
            continue
        start, path = at, text.strip()
        at, text = next(stream)
        count = int(text) if text.strip().isdecimal() and len(text.strip()) <= 6 else -1
        rows: list[list[float]] = []
        odd = [] if 0 <= count <= MAX_FACES else [f"expected the number of faces, found {text[:40]!r}"]
        if not odd:
            at, text = next(stream)
            for _ in range(max(count, 1)):
                if at == -1 or _is_path(text):
                    break
                values = [number(t) for t in text.split()]
                if len(values) != 10 or None in values:
                    odd.append(f"line {at}: expected ten numbers, found {text[:40]!r}")
                else:
                    rows.append([v for v in values if v is not None])
                at, text = next(stream)
            if count > 0 and len(rows) != count and not odd:
                odd.append(f"says {count} faces, has {len(rows)}")
            if count == 0:
                if any(any(row) for row in rows):
                    odd.append("says 0 faces, but the line that follows is not ten zeros")
                rows = []
        yield WiderPicture(start, path, *_arrays(rows), tuple(odd))


def _is_path(text: str) -> bool:
    return "/" in text or text.strip().lower().endswith((".jpg", ".jpeg", ".png"))


def _arrays(rows: list[list[float]]) -> tuple[Float32, np.ndarray[tuple[int, int], np.dtype[np.int64]]]:
    table = np.array(rows, dtype=np.float64).reshape(-1, 10)
    return table[:, :4].astype(np.float32), table[:, 4:].astype(np.int64)


def read(reading: Reading) -> None:
    """Read a copy: `wider_face_split/` beside `WIDER_train/`, `WIDER_val/`."""
    if read_box_subset(reading):
        return
    found = False
    for split in SPLITS:
        listing = reading.folder.locate(f"wider_face_split/wider_face_{split}_bbx_gt.txt")
        if listing is None:
            listing = reading.folder.locate(f"wider_face_{split}_bbx_gt.txt")
        if listing is None:
            reading.problem("missing file", f"wider_face_split/wider_face_{split}_bbx_gt.txt")
            continue
        found = True
        base = reading.folder.locate_folder(f"WIDER_{split}/images")
        if base is None:
            reading.problem("missing folder", f"WIDER_{split}/images")
        levels = read_levels(reading) if split == "val" else {}
        for picture in parse_blocks(reading.folder.text_lines(listing)):
            _add(reading, picture, (split, base, listing), levels)
    if not found:
        _read_relabels(reading)


def _add(
    reading: Reading,
    picture: WiderPicture,
    place: tuple[str, str | None, str],
    levels: dict[str, dict[str, Int64]],
) -> None:
    split, base, listing = place
    where = f"{listing} line {picture.line}"
    for oddity in picture.oddities:
        reading.problem("block of another form", f"{where}: {oddity}")
    if not picture.path:
        return
    relative = reading.folder.inside(base or "", picture.path)
    if relative is None:
        reading.problem("path that leaves the folder", f"{picture.path!r} ({where})")
        return
    keep = (picture.xywh[:, 2] > 0) & (picture.xywh[:, 3] > 0)
    for x, y, w, h in picture.xywh[~keep]:
        reading.note("box without area left out", f"{x:g} {y:g} {w:g} {h:g} ({where})")
    for i, (name, top) in enumerate(BOX_ATTRIBUTES.items()):
        values = picture.attributes[:, i]
        if ((values < 0) | (values > top)).any():
            reading.problem("label out of range", f"{name} above {top} or below 0 ({where})")
    try:
        flags = level_flags(levels, picture.path, len(keep))
    except ValueError as error:
        reading.problem("label out of range", str(error))
        flags = {}
    reading.add(
        picture.path,
        split,
        path=None if base is None else reading.picture(relative, where),
        boxes_xyxy=xywh_to_xyxy(picture.xywh[keep]),
        attributes={
            "event": picture.path.partition("/")[0],
            **{name: picture.attributes[keep, i] for i, name in enumerate(BOX_ATTRIBUTES)},
            **{level: counts[keep] for level, counts in flags.items()},
        },
    )


def _read_relabels(reading: Reading) -> None:
    """RetinaFace's `train/label.txt`, `val/label.txt`: `# path`, then per face `x y w h`, in train also five points
    as `x y flag` and a blur figure; -1 = no points."""
    for split in SPLITS:
        listing = reading.folder.locate(f"{split}/label.txt")
        if listing is None:
            continue
        reading.subset(f"{listing}: RetinaFace's re-labels")
        base = listing.rpartition("/")[0] + "/images"
        path = ""
        rows: list[list[float]] = []
        for at, text in [*reading.folder.text_lines(listing), (-1, "# ")]:
            if text.startswith("#"):
                if path:
                    _add_relabelled(reading, path, split, (base, rows))
                path, rows = text[1:].strip(), []
                continue
            values = [number(t) for t in text.split()]
            if len(values) < 4 or None in values:
                reading.problem("line of another form", f"{listing} line {at}: {text[:60]!r}")
            else:
                rows.append([v for v in values if v is not None])


def _add_relabelled(reading: Reading, path: str, split: str, place: tuple[str, list[list[float]]]) -> None:
    base, rows = place
    relative = reading.folder.inside(base, path)
    if relative is None:
        reading.problem("path that leaves the folder", repr(path))
        return
    rows = [r for r in rows if r[2] > 0 and r[3] > 0]
    points = np.full((len(rows), 5, 2), np.nan, dtype=np.float32)
    for i, row in enumerate(rows):
        if len(row) >= 19 and row[4] >= 0:
            points[i] = np.array(row[4:19]).reshape(5, 3)[:, :2]
    boxes = xywh_to_xyxy([r[:4] for r in rows])
    picture = reading.picture(relative, f"{split}/label.txt")
    reading.add(path, split, path=picture, boxes_xyxy=boxes, attributes={"points5_xy": points})
