"""SMIC: spontaneous micro-expressions of three cameras; the class is the folder, there is no apex.

`smic-hs`, `smic-vis` and `smic-nir` read the cropped clips of one camera each. Where the sheet of the long version
(SMIC-E) is there, a clip's place in its long recording comes with it as attributes.
"""

from __future__ import annotations

from mien.lab.datasets.reading import Reading
from mien.lab.datasets.sample import Clip
from mien.lab.datasets.tables import first_records, table_sheets, whole

COLUMNS: dict[str, tuple[str, ...]] = {
    "subject": ("Subject",),
    "file": ("Filename",),
    "onset": ("OnsetF", "Onset"),
    "offset": ("OffsetF", "Offset"),
    "first": ("FirstF", "First"),
    "emotion": ("Emotion",),
}


def read(reading: Reading) -> None:
    """Read a copy: `SMIC_all_cropped/HS/s01/micro/negative/s01_ne_01/reg_image….bmp`."""
    camera = reading.info.name.rpartition("-")[2].upper()
    base = reading.folder.locate_folder(camera)
    if base is None:
        reading.problem("missing folder", f"SMIC_all_cropped/{camera}")
        return
    places = _long_places(reading, camera)
    for subject in reading.folder.subfolders(base):
        micro = f"{base}/{subject}/micro"
        if not reading.folder.has_folder(micro):
            reading.problem("missing folder", micro)
            continue
        for label in reading.folder.subfolders(micro):
            if reading.labels.of_word(label) is None:
                reading.problem(
                    "folder that is no class", f"{micro}/{label}; known: {', '.join(reading.labels.spelled)}"
                )
                continue
            for clip in reading.folder.subfolders(f"{micro}/{label}"):
                _add(reading, f"{micro}/{label}/{clip}", (subject, label, clip), places)


def _add(reading: Reading, folder: str, item: tuple[str, str, str], places: dict[str, dict[str, int]]) -> None:
    subject, label, name = item
    frames = reading.frame_files(folder)
    if frames is None:
        reading.problem("clip without pictures", folder)
        return
    if not name.startswith(subject):
        reading.problem("clip of another subject", f"{folder}: expected a name that begins with {subject}")
    clip = Clip(frames.numbers[0], None, frames.numbers[-1], reading.info.fps or float("nan"), "micro", frames)
    reading.add(
        f"{subject}/{name}",
        reading.split_of(subject, name),
        subject=subject,
        path=frames.folder / frames.names[len(frames) // 2],
        expression=reading.expression_of_word(label, folder),
        clip=clip,
        attributes=places.get(name, {}),
    )


def _long_places(reading: Reading, camera: str) -> dict[str, dict[str, int]]:
    """Clip → onset and offset as frames of the long clip (frame = OnsetF - FirstF); empty without the sheet."""
    found = table_sheets(reading.folder, f"SMIC-{camera}-E_annotation")
    table = first_records(found[1], COLUMNS, ("file", "onset", "first")) if found else None
    out = {}
    for _, cells in table or []:
        onset, offset, first = (whole(cells[k]) for k in ("onset", "offset", "first"))
        if onset is not None and offset is not None and first is not None:  # free text stands below the table
            out[cells["file"]] = {"long_onset": onset - first, "long_offset": offset - first}
    return out
