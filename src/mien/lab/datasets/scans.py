"""Faces in 3-D: BU-3DFE (single scans), BU-4DFE and 4DFAB (sequences). The pictures that come with the scans are the
samples; the meshes are named in `attributes["mesh"]` and not opened.
"""

from __future__ import annotations

import re
from typing import Any

from mien.lab.datasets.reading import Reading
from mien.lab.datasets.sample import Clip

_BU3DFE = re.compile(r"([FM]\d{4})_(AN|DI|FE|HA|NE|SA|SU)(0[0-4])([A-Z]{2})_F2D\.bmp", re.I)
_SUBJECTS = {"bu4dfe": re.compile(r"[FM]\d{3}"), "4dfab": re.compile(r"[A-Za-z]{0,2}\d{1,4}")}
BU3DFE_SCANS = {f"{e}0{level}" for e in ("AN", "DI", "FE", "HA", "SA", "SU") for level in range(1, 5)} | {"NE00"}
BU3DFE_SUBJECTS = {("F", i) for i in range(1, 57)} | {("M", i) for i in range(1, 45)}
ETHNICITIES = ("AE", "AM", "BL", "IN", "LA", "WH")
MESH_SUFFIXES = frozenset({".wrl", ".obj", ".ply"})


def read_bu3dfe(reading: Reading) -> None:
    """Read BU-3DFE: `F0001/F0001_AN01WH_F2D.bmp` beside `…_F3D.wrl`, `…_F3D.bnd`, `…_RAW.wrl`."""
    scans: dict[str, set[str]] = {}
    for folder, names in reading.folder.tree():
        here = set(names)
        for name in names:
            match = _BU3DFE.fullmatch(name)
            if match is None:
                if name.upper().endswith("_F2D.BMP"):
                    text = f"{folder}/{name}; expected for example F0001_AN01WH_F2D.bmp"
                    reading.problem("file name of another form", text.lstrip("/"))
                continue
            relative = f"{folder}/{name}".lstrip("/")
            subject, level, ethnicity = match[1].upper(), int(match[3]), match[4].upper()
            scans.setdefault(subject, set()).add(f"{match[2].upper()}{match[3]}")
            if (subject[0], int(subject[1:])) not in BU3DFE_SUBJECTS:
                reading.problem(
                    "label out of range", f"{relative}: no subject {subject}; known: F0001–F0056, M0001–M0044"
                )
            if (match[2].upper() == "NE") != (level == 0) or ethnicity not in ETHNICITIES:
                reading.problem("label out of range", f"{relative}: level {level:02d}, ethnicity {ethnicity}")
            stem = name[: -len("_F2D.bmp")]
            attributes: dict[str, Any] = {"level": level, "ethnicity": ethnicity}
            for what, file in (("mesh", f"{stem}_F3D.wrl"), ("points83", f"{stem}_F3D.bnd")):
                beside = f"{folder}/{file}".lstrip("/")
                if file in here:
                    attributes[what] = reading.folder.path(beside)
                else:
                    reading.problem("missing mesh" if what == "mesh" else "missing label file", beside)
            reading.add(
                relative,
                reading.split_of(subject, name),
                subject=subject,
                path=reading.folder.path(relative),
                expression=reading.expression_of_word(match[2], relative),
                attributes=attributes,
            )
    if not scans:
        reading.problem("missing file", "F0001/F0001_AN01WH_F2D.bmp and its like")
    for subject, there in scans.items():
        if lacking := sorted(BU3DFE_SCANS - there):
            reading.problem("missing scan", f"{subject}: {', '.join(lacking)}")


def read_sequences(reading: Reading) -> None:
    """Read BU-4DFE (`F001/Angry/000.wrl`, `000.jpg`, …) or 4DFAB.

    Exact file names of both are not verified: any folder that holds meshes or pictures is a sequence, the first
    folder of its path that looks like a number (F001, 012) is the subject, and the first part of the path that names
    an expression is its class.
    """
    classes: dict[str, set[str]] = {}
    for folder, names in reading.folder.tree():
        frames = reading.frame_files(folder) if folder else None
        meshes = [n for n in names if "." + n.rpartition(".")[2].lower() in MESH_SUFFIXES]
        if not folder or (frames is None and not meshes):
            continue
        parts = folder.split("/")
        subject = next((p for p in parts if _SUBJECTS[reading.info.name].fullmatch(p)), None)
        if subject is None:
            reading.problem("folder without a subject", f"{folder}; expected for example F001 or 012 in its path")
            continue
        name = next((n for p in parts if (n := reading.labels.of_word(p)) is not None), None)
        if name is None and reading.info.name == "bu4dfe":
            reading.problem("folder that is no class", f"{folder}; known: {', '.join(reading.labels.spelled)}")
            continue
        if name is not None:
            classes.setdefault(subject, set()).add(name)
        if frames is not None and meshes and len(frames) != len(meshes):
            text = f"{folder}: {len(frames)} pictures, {len(meshes)} meshes"
            reading.note("pictures and meshes differ in number", text)
        reading.add(
            folder,
            reading.split_of(subject, folder),
            subject=subject,
            path=None if frames is None else frames.folder / frames.names[len(frames) // 2],
            expression=None if name is None else reading.expression_of_word(name, folder),
            clip=Clip(frames=frames, fps=reading.info.fps or float("nan")),
            attributes={"mesh": reading.folder.path(folder), "meshes": len(meshes)},
        )
    if not reading.blocks:
        reading.problem("missing folder", "F001/Angry and its like")
    for subject, there in classes.items() if reading.info.name == "bu4dfe" else ():
        if lacking := [n for n in reading.labels.names if n not in there]:
            reading.problem("class without a folder", f"{subject}: {', '.join(lacking)}")
