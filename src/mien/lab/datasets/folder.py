"""The copy on disk: an index of its files made once, safe look-up of names that label files give, lines of text.

Everything stays inside the folder: a name that climbs out and a link that leaves it are refused, not followed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from mien.errors import RequestError, SourceError
from mien.lab.datasets.findings import Findings
from mien.lab.datasets.pictures import PICTURE_SUFFIXES

MAX_FILES = 20_000_000
MAX_DEPTH = 24
MAX_LINE_BYTES = 65_536


class Folder:
    """A dataset's folder.

    Attributes:
        root: absolute path.
        given: name of the one file that was given instead of a folder, or None.

    Args:
        path: the folder, or one file (its folder is not listed; what the file names is looked up singly).
        findings: where links that leave the folder and odd lines are noted.

    Raises:
        RequestError: nothing is there, or it cannot be listed.
        SourceError: more files than any dataset has.
    """

    def __init__(self, path: str | Path, findings: Findings) -> None:
        try:
            root = Path(path).resolve(strict=True)
        except (OSError, ValueError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise RequestError(f"{path}: {reason}; give the folder the dataset was unpacked to") from None
        self.root = root if root.is_dir() else root.parent
        self.findings = findings
        self._files: dict[str, tuple[str, ...]] = {}
        self._sets: dict[str, frozenset[str]] = {}
        self._count = 0
        self.given = None if root.is_dir() else root.name
        if self.given is None:
            self._walk("", 0)
        else:
            self._files[""] = (self.given,)

    def _walk(self, relative: str, depth: int) -> None:
        try:
            with os.scandir(self.root / relative) as listing:
                entries = sorted(listing, key=lambda e: e.name)
        except OSError as error:
            if not relative:
                raise RequestError(f"{self.root}: cannot be listed: {error.strerror}") from None
            self.findings.problem("folder that cannot be listed", f"{relative}: {error.strerror}")
            return
        names = []
        for entry in entries:
            place = f"{relative}/{entry.name}" if relative else entry.name
            if entry.is_symlink() and not self._link_stays_inside(place, entry.is_dir()):
                continue
            if entry.is_dir():
                if depth >= MAX_DEPTH:
                    self.findings.problem("folders nested too deep", place)
                elif not entry.name.startswith("."):
                    self._walk(place, depth + 1)
            elif entry.is_file() and not entry.name.startswith("."):
                names.append(entry.name)
        self._files[relative] = tuple(names)
        self._count += len(names)
        if self._count > MAX_FILES:
            raise SourceError(f"{self.root}: more than {MAX_FILES} files; give the dataset's own folder")

    def _link_stays_inside(self, place: str, is_folder: bool) -> bool:
        target = (self.root / place).resolve()
        if is_folder:
            self.findings.note("link to a folder ignored", f"{place}; move the folder here instead")
        elif not target.is_relative_to(self.root):
            self.findings.note("link that leaves the folder ignored", place)
        elif not target.exists():
            self.findings.note("broken link ignored", place)
        else:
            return True
        return False

    @property
    def file_count(self) -> int:
        """Number of files, hidden ones left out."""
        return sum(len(names) for names in self._files.values())

    def __contains__(self, relative: str) -> bool:
        folder, _, name = relative.rpartition("/")
        if folder not in self._sets:
            self._sets[folder] = frozenset(self._files.get(folder, ()))
        return name in self._sets[folder] or (self.given is not None and self._exists(relative))

    def _exists(self, relative: str) -> bool:
        target = (self.root / relative).resolve()
        return target.is_relative_to(self.root) and target.is_file()

    def files(self, folder: str = "", suffixes: frozenset[str] | None = None) -> list[str]:
        """Names of the files directly in a folder, sorted; `suffixes` in lower case with the dot."""
        names = self._files.get(folder, ())
        return [n for n in names if suffixes is None or PurePosixPath(n).suffix.lower() in suffixes]

    def pictures(self, folder: str) -> list[str]:
        """Names of the picture files directly in a folder, sorted."""
        return self.files(folder, PICTURE_SUFFIXES)

    def has_folder(self, folder: str) -> bool:
        """Whether the folder is there."""
        return folder in self._files

    def subfolders(self, folder: str = "") -> list[str]:
        """Names of the folders directly in a folder, sorted."""
        start = f"{folder}/" if folder else ""
        inside = (f[len(start) :] for f in self._files if f.startswith(start) and f != folder)
        return sorted({name for name in inside if name and "/" not in name})

    def tree(self, folder: str = "") -> Iterator[tuple[str, tuple[str, ...]]]:
        """(folder, file names) of a folder and everything below it, sorted."""
        start = f"{folder}/" if folder else ""
        for place in sorted(self._files):
            if place == folder or place.startswith(start):
                yield place, self._files[place]

    def locate(self, ending: str) -> str | None:
        """The file whose relative path is or ends with `ending` (whole components); the shortest, if several."""
        folder, _, name = ending.rpartition("/")
        found = [f for f in self._files if _ends_with(f, folder) and f"{f}/{name}".lstrip("/") in self]
        return min((f"{f}/{name}".lstrip("/") for f in found), key=lambda p: (len(p), p), default=None)

    def locate_folder(self, ending: str) -> str | None:
        """The folder whose relative path is or ends with `ending`; the shortest, if several."""
        found = (f for f in self._files if f and _ends_with(f, ending))
        return min(found, key=lambda p: (len(p), p), default=None)

    def path(self, relative: str) -> Path:
        """Absolute path of a name that this index gave."""
        return self.root / relative

    def inside(self, base: str, given: str) -> str | None:
        """A name from a label file as a relative path below `base`; None if it is unusable or climbs out."""
        given = given.replace("\\", "/").strip()
        parts = [p for p in given.split("/") if p not in ("", ".")]
        bad = given.startswith("/") or ".." in parts or "\0" in given or len(given) > 1024 or given[1:2] == ":"
        if bad or not parts:
            return None
        return "/".join([base, *parts]) if base else "/".join(parts)

    def lines(self, relative: str, *, may_be_empty: bool = False) -> Iterator[tuple[int, int, bytes]]:
        """(line number from 1, byte offset, bytes without line end) of a text file.

        A line that is too long or holds a NUL byte is reported and left out; a file without a byte is reported
        unless it may be one.
        """
        try:
            with (self.root / relative).open("rb") as file:
                number = start = 0
                while raw := file.readline(MAX_LINE_BYTES + 1):
                    number += 1
                    here, start = start, start + len(raw)
                    if len(raw) > MAX_LINE_BYTES and not raw.endswith(b"\n"):
                        start += _skip_line(file)
                        text = f"{relative} line {number}: more than {MAX_LINE_BYTES} bytes"
                        self.findings.problem("line too long", text)
                    elif b"\0" in raw:
                        self.findings.problem("NUL byte in a text file", f"{relative} line {number}")
                    else:
                        yield number, here, raw.rstrip(b"\r\n")
                if not number and not may_be_empty:
                    self.findings.problem("empty file", f"{relative}: holds nothing; unpack it again")
        except OSError as error:
            self.findings.problem("file that cannot be read", f"{relative}: {error.strerror}")

    def text_lines(self, relative: str, *, may_be_empty: bool = False) -> Iterator[tuple[int, str]]:
        """(line number, text) of a UTF-8 file; a line in another encoding is reported and left out."""
        for number, _, raw in self.lines(relative, may_be_empty=may_be_empty):
            try:
                yield number, raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                where = f"{relative} line {number}, byte {error.start + 1}"
                self.findings.problem("text that is not UTF-8", where)


def _ends_with(folder: str, ending: str) -> bool:
    return not ending or folder == ending or folder.endswith(f"/{ending}")


def _skip_line(file: object) -> int:
    skipped = 0
    while raw := file.readline(MAX_LINE_BYTES):  # type: ignore[attr-defined]
        skipped += len(raw)
        if raw.endswith(b"\n"):
            break
    return skipped
