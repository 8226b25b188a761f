"""AFEW, SFEW and CAER-S: one folder per split, in it one folder per class.

AFEW holds videos; releases differ in the aligned faces and points they add in sub-folders, which are not read.
Clips that a release gives as folders of frames are taken too. A test folder without class folders is unlabelled.
"""

from __future__ import annotations

from mien.lab.datasets.pictures import PICTURE_SUFFIXES, VIDEO_SUFFIXES
from mien.lab.datasets.reading import Reading
from mien.lab.datasets.sample import Clip, ExpressionLabel

SPLIT_FOLDERS: dict[str, dict[str, tuple[str, ...]]] = {
    "afew": {"train": ("Train_AFEW", "Train"), "val": ("Val_AFEW", "Val"), "test": ("Test_AFEW", "Test")},
    "sfew": {"train": ("Train",), "val": ("Val",), "test": ("Test",)},
    "caers": {"train": ("train", "Train"), "test": ("test", "Test")},
}
OPTIONAL = {("afew", "test"), ("sfew", "test")}


def read(reading: Reading) -> None:
    """Read a copy of AFEW, SFEW or CAER-S."""
    for split, candidates in SPLIT_FOLDERS[reading.info.name].items():
        found = (reading.folder.locate_folder(name) for name in candidates)
        base = next((f for f in found if f is not None), None)
        if base is not None:
            _read_split(reading, base, split)
        elif (reading.info.name, split) not in OPTIONAL:
            reading.problem("missing folder", candidates[0])


def _read_split(reading: Reading, base: str, split: str) -> None:
    seen = set()
    for folder in reading.folder.subfolders(base):
        name = reading.labels.of_word(folder)
        if name is None:
            if split != "test":
                reading.problem(
                    "folder that is no class", f"{base}/{folder}; known: {', '.join(reading.labels.spelled)}"
                )
            continue
        seen.add(name)
        _read_items(reading, f"{base}/{folder}", split, ExpressionLabel(name, reading.labels.name))
    if seen or split != "test":
        for name in set(reading.labels.names) - seen:
            reading.problem("class without a folder", f"{base}: {name}")
    else:
        _read_items(reading, base, split, None)


def _read_items(reading: Reading, folder: str, split: str, expression: ExpressionLabel | None) -> None:
    video = reading.info.name == "afew"
    suffixes = VIDEO_SUFFIXES if video else PICTURE_SUFFIXES
    names = reading.folder.files(folder, suffixes)
    for name in names:
        path = reading.folder.path(f"{folder}/{name}")
        clip = Clip(video=path) if video else None
        reading.add(f"{folder}/{name}", split, path=path, expression=expression, clip=clip)
    others = [n for n in reading.folder.files(folder) if n not in set(names)]
    for name in others:
        reading.note("file of another kind left out", f"{folder}/{name}")
    if names or not video:
        if not names:
            reading.problem("class folder without items", folder)
        return
    for sub in reading.folder.subfolders(folder):
        if frames := reading.frame_files(f"{folder}/{sub}"):
            clip = Clip(frames=frames)
            path = frames.folder / frames.names[len(frames) // 2]
            reading.add(f"{folder}/{sub}", split, path=path, expression=expression, clip=clip)
