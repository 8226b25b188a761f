"""Photos and folders of pictures, read with Pillow: it knows EXIF orientation, 16 bit, CMYK and palettes."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from pydantic import Field

from mien.core.arrays import UInt8
from mien.core.record import FrameRecord, Stamp
from mien.core.text import counted, storable
from mien.core.timebase import ns_from_ticks
from mien.errors import SourceError
from mien.pipeline.stage import Options as StageOptions
from mien.pipeline.stage import SourceInfo, Span
from mien.sources.files import existing, readable_file
from mien.sources.frames import on_black
from mien.sources.tiff_size import tiff_size

SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".png", ".webp", ".bmp", ".tif", ".tiff"})
"""Files taken for pictures (lower case). An animated GIF is a video."""

_WHOLE = Span()
_MAX_NAMED = 10


class Options(StageOptions):
    """Options of photos and folders of pictures."""

    fps: float = Field(
        default=25.0, gt=0, le=10_000, description="pictures per second of a folder; gives them their times"
    )
    max_megapixels: float = Field(
        default=80.0, gt=0, le=89, description="larger pictures are refused before they are decoded"
    )


def read_image(path: Path, max_megapixels: float = 80.0) -> tuple[UInt8, str | None]:
    """Decode one picture.

    Args:
        path: JPEG, PNG, WebP, BMP or TIFF.
        max_megapixels: limit, checked before decoding.

    Returns:
        (H, W, 3) uint8 RGB, upright by EXIF, transparency on black, 16 bit scaled to 8; and a remark or None.

    Raises:
        SourceError: not a picture, damaged, or too large; the message does not name the file.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on odd metadata; what matters raises
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as picture:
                w, h = picture.size
                _check_size(w, h, max_megapixels)
                count = int(getattr(picture, "n_frames", 1))
                remark = f"holds {count} pictures; the first is used" if count > 1 else None
                return _rgb(ImageOps.exif_transpose(picture)), remark
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise SourceError(f"more pixels than the limit of {max_megapixels:g} megapixels") from None
    except UnidentifiedImageError:
        return _with_opencv(path, max_megapixels), None
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError) as error:
        # Pillow's decoders raise all of these on damaged data
        raise SourceError(f"damaged or cut off ({error})") from error


def _rgb(picture: Any) -> UInt8:
    mode = picture.mode
    if mode == "F" or mode.startswith("I"):
        values = np.asarray(picture, dtype=np.float64)
        top = 255.0 if mode == "F" and values.max(initial=0) > 1 else 1.0 if mode == "F" else 65535.0
        grey = np.clip(np.round(values * (255.0 / top)), 0, 255).astype(np.uint8)
        return np.ascontiguousarray(np.repeat(grey[..., None], 3, axis=2))
    if "A" in mode or "a" in mode or "transparency" in picture.info:
        return on_black(np.asarray(picture.convert("RGBA")))
    return np.array(picture.convert("RGB"), dtype=np.uint8, order="C")


def _with_opencv(path: Path, max_megapixels: float) -> UInt8:
    """TIFF that Pillow does not know, e.g. with 16 bits for each of three colours."""
    size = tiff_size(path)
    if size is None:
        raise SourceError("not a picture that can be read")
    _check_size(*size, max_megapixels)
    image = cv2.imdecode(np.fromfile(path, dtype=np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise SourceError("not a picture that can be read")
    return np.ascontiguousarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))


def _check_size(w: int, h: int, max_megapixels: float) -> None:
    if w * h > max_megapixels * 1e6:
        raise SourceError(f"{w}×{h} pixels are more than the limit of {max_megapixels:g} megapixels")


class PhotoSource:
    """One picture: one record at time 0.

    Args:
        path: the file.
        options: see `Options`; `fps` has no effect on one picture.
        span: part to deliver.

    Raises:
        SourceError: not there, not readable, not a picture, damaged, or too large.
    """

    def __init__(self, path: str | Path, options: Options | None = None, *, span: Span = _WHOLE) -> None:
        file = readable_file(path)
        self._span = span
        try:
            self._image, remark = read_image(file, (options or Options()).max_megapixels)
        except SourceError as error:
            raise SourceError(f"{path}: {error}") from error
        self.warnings: list[str] = [f"{file.name} {remark}"] if remark else []
        h, w = self._image.shape[:2]
        self.info = SourceInfo(storable(file.name), "photo", (w, h), frame_count=1)
        self._started = False
        self._closed = False

    def __iter__(self) -> Iterator[FrameRecord]:
        if self._started:
            raise SourceError(f"{self.info.name}: can be read once only; open it again")
        self._started = True
        return self._records()

    def _records(self) -> Iterator[FrameRecord]:
        if not self._closed and _inside(self._span, 0, 0):
            yield FrameRecord(Stamp(self.info.name, 0, 0), self.info.size_wh or (0, 0), self._image)

    def close(self) -> None:
        """Nothing is held open; a later iteration gives nothing."""
        self._closed = True


class ImageFolderSource:
    """The pictures of a folder in natural order of their names ("2.png" before "10.png"), as a film.

    The number and the time of a picture are those of its place among the folder's pictures; one that cannot
    be read is skipped with a warning and leaves a gap. Other files, hidden files and sub-folders are ignored.

    Args:
        path: the folder.
        options: see `Options`.
        span: part to deliver.

    Raises:
        SourceError: not there, not a folder, no picture in it, or none that can be read.
    """

    def __init__(self, path: str | Path, options: Options | None = None, *, span: Span = _WHOLE) -> None:
        self._options = options or Options()
        self._span = span
        self._started = False
        self._closed = False
        self.warnings: list[str] = []
        folder = existing(path)
        self._files = _pictures_of(folder, str(path))
        self._period = 1 / Fraction(str(self._options.fps))
        self.info = SourceInfo(
            name=storable(folder.name or folder.resolve().name),
            kind="images",
            size_wh=self._first_size(str(path)),
            frame_rate_hz=self._options.fps,
            frame_count=len(self._files),
            duration_ns=ns_from_ticks(len(self._files), self._period),
        )

    def __iter__(self) -> Iterator[FrameRecord]:
        if self._started:
            raise SourceError(f"{self.info.name}: can be read once only; open it again")
        self._started = True
        return self._records()

    def _records(self) -> Iterator[FrameRecord]:
        broken = 0
        for index, file in enumerate(self._files):
            t_ns = ns_from_ticks(index, self._period)
            if self._closed or (self._span.end_ns is not None and t_ns > self._span.end_ns):
                break
            if not _inside(self._span, t_ns, index):
                continue
            try:
                image, remark = read_image(file, self._options.max_megapixels)
            except SourceError as error:
                broken += 1
                if broken <= _MAX_NAMED:
                    self.warnings.append(f"{file.name} skipped: {error}")
                continue
            if remark:
                self.warnings.append(f"{file.name} {remark}")
            yield FrameRecord(Stamp(self.info.name, index, t_ns), (image.shape[1], image.shape[0]), image)
        if broken > _MAX_NAMED:
            self.warnings.append(f"{broken} pictures skipped in all")

    def close(self) -> None:
        """Ends an iteration after the picture it is at."""
        self._closed = True

    def _first_size(self, given: str) -> tuple[int, int]:
        """Size of the first picture that can be read."""
        reason = ""
        for file in self._files:
            try:
                image, _ = read_image(file, self._options.max_megapixels)
            except SourceError as error:
                reason = reason or f"{file.name}: {error}"
                continue
            return image.shape[1], image.shape[0]
        raise SourceError(f"{given}: none of its {counted(len(self._files), 'picture')} can be read; {reason}")


def _pictures_of(folder: Path, given: str) -> list[Path]:
    if not folder.is_dir():
        raise SourceError(f"{given}: is not a folder")
    try:
        files = [p for p in folder.iterdir() if not p.name.startswith(".") and p.is_file()]
    except OSError as error:
        raise SourceError(f"{given}: cannot be listed: {error.strerror or error}") from None
    pictures = [p for p in files if p.suffix.lower() in SUFFIXES]
    if not pictures:
        others = f", only {counted(len(files), 'other file')}; name one of them" if files else ""
        raise SourceError(f"{given}: the folder holds no picture ({', '.join(sorted(SUFFIXES))}){others}")
    return sorted(pictures, key=natural_key)


def natural_key(path: Path) -> tuple[list[tuple[int, int, str]], str]:
    """Sort key: digits in a name count as numbers, letters regardless of case."""
    parts = re.findall(r"[0-9]+|[^0-9]+", path.name)
    return [(0, int(p), "") if p.isascii() and p.isdigit() else (1, 0, p.casefold()) for p in parts], path.name


def _inside(span: Span, t_ns: int, index: int) -> bool:
    before_end = span.end_ns is None or t_ns <= span.end_ns
    return index >= span.first_index and t_ns >= span.start_ns and before_end
