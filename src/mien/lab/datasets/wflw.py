"""WFLW: 98 points, a box and six attributes per face, one face per line (Wu et al. 2018)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mien.core.arrays import Float32
from mien.lab.datasets.reading import Reading
from mien.lab.datasets.subset_json import read_landmark_subset
from mien.lab.datasets.tables import number

ATTRIBUTES = ("pose", "expression", "illumination", "makeup", "occlusion", "blur")
"""In the order of the file; 1 = large pose, exaggerated expression, extreme illumination, make-up, occlusion, blur."""
SUBSETS = ("largepose", "expression", "illumination", "makeup", "occlusion", "blur")
_WHOLE, _POINTS_ONLY = 207, 197
_MAX_PX = 100_000.0


@dataclass(frozen=True, slots=True, eq=False)
class WflwLine:
    """One line of a list.

    Attributes:
        points_xy: (98, 2) float32, px.
        box_xyxy: (4,) float32, px, or None in the lists without boxes.
        attributes: name → 0 or 1; empty in the lists without them.
        image: path below `WFLW_images`.
    """

    points_xy: Float32
    box_xyxy: Float32 | None
    attributes: dict[str, int]
    image: str


def parse_line(text: str) -> WflwLine:
    """Read a line of 207 tokens (points, box, attributes, name) or 197 (points, name).

    Raises:
        ValueError: another number of tokens, no numbers, or values out of range; the message says which.
    """
    tokens = text.split()
    if len(tokens) not in (_WHOLE, _POINTS_ONLY):
        raise ValueError(f"expected {_WHOLE} or {_POINTS_ONLY} tokens, found {len(tokens)}")
    values = [number(t) for t in tokens[:-1]]
    if None in values:
        raise ValueError(f"token {values.index(None) + 1} is no number: {tokens[values.index(None)][:20]!r}")
    table = np.array(values, dtype=np.float64)
    points = table[:196].reshape(98, 2)
    if np.abs(points).max() > _MAX_PX:
        raise ValueError(f"a point lies more than {_MAX_PX:g} px away")
    if len(tokens) == _POINTS_ONLY:
        return WflwLine(points.astype(np.float32), None, {}, tokens[-1])
    box, flags = table[196:200], table[200:206]
    if not (box[2] > box[0] and box[3] > box[1]):
        raise ValueError(f"box {box.tolist()} is not x_min y_min x_max y_max")
    if not np.isin(flags, (0, 1)).all():
        raise ValueError(f"attributes must be 0 or 1, found {flags.tolist()}")
    attributes = dict(zip(ATTRIBUTES, (int(f) for f in flags), strict=True))
    return WflwLine(points.astype(np.float32), box.astype(np.float32), attributes, tokens[-1])


def read(reading: Reading) -> None:
    """Read a copy: `WFLW_annotations/list_98pt_rect_attr_train_test/` beside `WFLW_images/`."""
    if read_landmark_subset(reading):
        return
    base = reading.folder.locate_folder("WFLW_images")
    if base is None:
        reading.problem("missing folder", "WFLW_images")
    for split in ("train", "test"):
        listing = reading.folder.locate(f"list_98pt_rect_attr_train_test/list_98pt_rect_attr_{split}.txt")
        if listing is None:
            name = f"list_98pt_rect_attr_{split}.txt"
            reading.problem("missing file", f"WFLW_annotations/list_98pt_rect_attr_train_test/{name}")
            continue
        for at, text in reading.folder.text_lines(listing):
            if text.strip():
                _add(reading, text, split, (base, f"{listing} line {at}", at))
    _check_subsets(reading)


def _add(reading: Reading, text: str, split: str, place: tuple[str | None, str, int]) -> None:
    base, where, at = place
    try:
        line = parse_line(text)
    except ValueError as error:
        reading.problem("line of another form", f"{where}: {error}")
        return
    relative = reading.folder.inside(base or "", line.image)
    if relative is None:
        reading.problem("path that leaves the folder", f"{line.image!r} ({where})")
        return
    reading.add(
        f"{split}/{at:05d}/{line.image}",  # a picture may show several faces
        split,
        path=None if base is None else reading.picture(relative, where),
        boxes_xyxy=None if line.box_xyxy is None else line.box_xyxy[None],
        landmarks_xy=line.points_xy,
        landmark_schema="wflw98",
        attributes={"image": line.image, **line.attributes},
    )


def _check_subsets(reading: Reading) -> None:
    """The six lists of hard test faces repeat what the attributes say; they are only looked at for damage."""
    for subset in SUBSETS:
        listing = reading.folder.locate(f"list_98pt_test/list_98pt_test_{subset}.txt")
        for at, text in reading.folder.text_lines(listing) if listing else ():
            try:
                if text.strip():
                    parse_line(text)
            except ValueError as error:
                reading.problem("line of another form", f"{listing} line {at}: {error}")
