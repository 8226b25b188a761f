"""Faces on disk that teach the pixel reader, as `train.shape_faces` and `train.shape_points` wrote them."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np

from mien.action_units.face_crop import HEIGHT, WIDTH
from mien.core.arrays import Float32, Int64
from mien.errors import SourceError
from mien.lab.train.shape_views import MARGIN


class ShapeSet:
    """A folder that `train.shape_faces` wrote; crops stay on disk.

    Raises:
        SourceError: it is not such a folder, or damaged.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._open()

    def _open(self) -> None:
        try:
            self.plain = np.load(self.folder / "plain.npy", allow_pickle=False)
            self.moved = np.load(self.folder / "moved.npy", allow_pickle=False)
            self.crops = np.load(self.folder / "crops.npy", mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise SourceError(f"{self.folder}: no set of faces for the pixel reader: {error}") from error
        self.read, self.fronts, self.turns = (self._optional(n) for n in ("read", "fronts", "turns"))
        size = (HEIGHT + 2 * MARGIN, WIDTH + 2 * MARGIN, 3)
        fits = self.plain.shape == self.moved.shape and self.plain.shape[:2] <= self.crops.shape[:2]
        if not fits or self.crops.shape[2:] != size or self.plain.shape[2:] != (52,):
            raise SourceError(f"{self.folder}: crops {self.crops.shape} and weights {self.plain.shape} do not belong")

    @cached_property
    def usable(self) -> Int64:
        """Numbers of the groups in which a face was found."""
        _, turns = self.seen()
        return np.flatnonzero(np.isfinite(turns[: len(self)]).any(axis=(1, 2)))

    def seen(self) -> tuple[Float32, Float32]:
        """Front views and turns of the landmarks.

        Raises:
            SourceError: nobody looked for them.
        """
        if self.fronts is None or self.turns is None or len(self.fronts) < len(self):
            raise SourceError(f"{self.folder}: lacks landmarks: python -m mien.lab.train.shape_points {self.folder}")
        return self.fronts, self.turns

    def _optional(self, name: str) -> Float32 | None:
        file = self.folder / f"{name}.npy"
        return np.load(file, allow_pickle=False) if file.is_file() else None

    def __getstate__(self) -> dict[str, object]:
        return {"folder": self.folder}

    def __setstate__(self, state: dict[str, Path]) -> None:
        self.folder = state["folder"]
        self._open()

    def __len__(self) -> int:
        return len(self.plain) if self.fronts is None else min(len(self.plain), len(self.fronts))
