"""JAFFE: 213 grey pictures of ten women; everything is in the file name (`KA.AN1.39.tiff`)."""

from __future__ import annotations

import re

from mien.lab.datasets.reading import Reading

SUBJECTS = ("KA", "KL", "KM", "KR", "MK", "NA", "NM", "TM", "UY", "YM")
_NAME = re.compile(r"([A-Z]{2})\.([A-Z]{2})(\d)\.(\d{1,3})\.tiff?", re.I)


def read(reading: Reading) -> None:
    """Read a copy: one folder of TIFF files."""
    for folder, names in reading.folder.tree():
        for name in names:
            relative = f"{folder}/{name}".lstrip("/")
            match = _NAME.fullmatch(name)
            if match is None:
                if name.lower().endswith((".tif", ".tiff")):
                    reading.problem("file name of another form", f"{relative}; expected for example KA.AN1.39.tiff")
                continue
            subject = match[1].upper()
            if subject not in SUBJECTS:
                reading.problem("label out of range", f"{relative}: {subject} is none of the ten women")
            expression = reading.expression_of_word(match[2], relative)
            path = reading.folder.path(relative)
            split = reading.split_of(subject, name)
            take = {"take": int(match[3]), "number": int(match[4])}
            reading.add(relative, split, subject=subject, path=path, expression=expression, attributes=take)
