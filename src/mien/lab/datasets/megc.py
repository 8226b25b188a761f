"""The composite list of the MEGC 2019 challenge: clips of CASME II, SAMM and SMIC-HS in three classes.

The list holds no pictures. A row's apex picture is found by name where the copy has one (`imagename` of the copies
that carry it).
"""

from __future__ import annotations

from mien.lab.datasets.reading import Reading
from mien.lab.datasets.sample import Clip
from mien.lab.datasets.tables import csv_rows, records, whole

DATASETS = ("casme2", "samm", "smic")
COLUMNS: dict[str, tuple[str, ...]] = {
    "dataset": ("dataset",),
    "subject": ("subject", "sub"),
    "file": ("filename", "filename_o"),
    "label": ("label",),
    "apex": ("apex",),
    "image": ("imagename",),
}


def read(reading: Reading) -> None:
    """Read a copy: a csv with dataset, subject, filename, label (0 negative, 1 positive, 2 surprise)."""
    for folder, names in reading.folder.tree():
        for name in sorted(names, key=lambda n: ("combined" not in n, n)):
            relative = f"{folder}/{name}".lstrip("/")
            if name.endswith(".csv"):
                table = records(csv_rows(reading.folder, relative), COLUMNS, ("dataset", "subject", "file", "label"))
                if table is not None:
                    _read_rows(reading, relative, table)
                    return
    reading.problem("missing file", "combined_3dbs….csv with the columns dataset, subject, filename, label")


def _read_rows(reading: Reading, relative: str, table: list[tuple[int, dict[str, str]]]) -> None:
    for number, cells in table:
        where = f"{relative} line {number}"
        dataset = cells["dataset"].casefold()
        if not any(dataset.startswith(d) for d in DATASETS):
            reading.problem(
                "label out of range", f"dataset {cells['dataset']!r} ({where}); known: {', '.join(DATASETS)}"
            )
            continue
        subject = f"{dataset}/{cells['subject']}"
        name = f"{subject}/{cells['file']}"
        picture = reading.folder.locate(cells["image"]) if cells["image"] else None
        reading.add(
            name,
            reading.split_of(subject, name),
            subject=subject,
            path=None if picture is None else reading.folder.path(picture),
            expression=reading.expression_of_id(cells["label"], where),
            clip=Clip(apex=whole(cells["apex"]), kind="micro"),
            attributes={"dataset": dataset},
        )
