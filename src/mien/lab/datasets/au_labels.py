"""Action units as datasets label them: coders' text (`R12A+14B`) and columns of numbers, in one form.

Intensity letters A to E are 1 to 5. L and R are the subject's own sides, as everywhere in FACS.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float32, as_float32

INTENSITY_LETTERS = "ABCDE"
_TOKEN = re.compile(r"(?P<side>[LRTBUA])?(?P<kind>AU|AD|M)?(?P<number>\d{1,2})(?P<letter>[A-E])?(?P<doubt>\?)?", re.I)
_SEPARATORS = re.compile(r"[+,;&\n]")
_ALTERNATIVES = re.compile(r"\s+or\s+|/", re.I)
_MAX_TEXT = 2000


@dataclass(frozen=True, slots=True)
class AuCode:
    """One unit of a coder's text.

    Attributes:
        number: FACS number, 1–98.
        side: "" (both or not said), "L", "R", "T" (top lip), "B" (bottom lip), "U" (one side), "A" (asymmetric).
        intensity: 1–5, or None if the text gives none.
        kind: "AU", "AD" (action descriptor) or "M" (movement).
        certain: False if the coder gave alternatives ("4B or 7A") or a question mark.
    """

    number: int
    side: str = ""
    intensity: int | None = None
    kind: str = "AU"
    certain: bool = True

    @property
    def name(self) -> str:
        """ "AU4", "AU12_L", "AD38"."""
        return f"{self.kind}{self.number}" + (f"_{self.side}" if self.side else "")

    def __str__(self) -> str:
        kind = "" if self.kind == "AU" else self.kind
        letter = INTENSITY_LETTERS[self.intensity - 1] if self.intensity else ""
        return f"{self.side}{kind}{self.number}{letter}" + ("" if self.certain else "?")


@dataclass(frozen=True, slots=True)
class AuText:
    """A parsed text: the units, and the parts that could not be read as units."""

    codes: tuple[AuCode, ...]
    unread: tuple[str, ...] = ()


def parse_au_text(text: str) -> AuText:
    """Read `4+L12`, `R12A+14B`, `4B or 7A`, `1 + 2C`, `AD38`.

    Never raises: what is no unit is returned in `unread`. "or" and "/" between units make both uncertain.
    """
    if len(text) > _MAX_TEXT:
        return AuText((), (text[:40] + "…",))
    codes: list[AuCode] = []
    unread: list[str] = []
    for part in _SEPARATORS.split(text):
        choices = _ALTERNATIVES.split(part.strip()) if part.strip() else []
        for choice in choices:
            code = _parse_one(choice, certain=len(choices) == 1)
            if code is None:
                unread.append(choice.strip() or part.strip())
            else:
                codes.append(code)
    return AuText(tuple(codes), tuple(unread))


def _parse_one(token: str, certain: bool) -> AuCode | None:
    match = _TOKEN.fullmatch(re.sub(r"[ \t]", "", token))
    if match is None or not token.isascii() or not 1 <= int(match["number"]) <= 98:
        return None
    letter = (match["letter"] or "").upper()
    return AuCode(
        number=int(match["number"]),
        side=(match["side"] or "").upper(),
        intensity=INTENSITY_LETTERS.index(letter) + 1 if letter else None,
        kind=(match["kind"] or "AU").upper(),
        certain=certain and match["doubt"] is None,
    )


@dataclass(frozen=True, slots=True, eq=False)
class AuLabels:
    """Labelled action units of one sample.

    Attributes:
        names: "AU4", "AU12_L", ...
        presence: (N,) float32: 1 present, 0 absent, NaN not known.
        intensity: (N,) float32, 0–5; NaN = not coded.
        others_absent: True if the coders scored the whole face, so that a unit not named was not seen.
    """

    names: tuple[str, ...]
    presence: Float32
    intensity: Float32
    others_absent: bool = False

    def __post_init__(self) -> None:
        n = len(self.names)
        object.__setattr__(self, "presence", as_float32(self.presence, (n,), "AuLabels.presence"))
        object.__setattr__(self, "intensity", as_float32(self.intensity, (n,), "AuLabels.intensity"))

    @classmethod
    def of_codes(cls, codes: Iterable[AuCode]) -> AuLabels:
        """From parsed text, which names what the coders saw on the whole face. A unit named twice keeps the
        stronger intensity; an uncertain one has presence NaN."""
        best: dict[str, AuCode] = {}
        for code in codes:
            old = best.get(code.name)
            if old is None or (code.certain, code.intensity or 0) > (old.certain, old.intensity or 0):
                best[code.name] = code
        presence = [1.0 if c.certain else np.nan for c in best.values()]
        intensity = [np.nan if c.intensity is None else float(c.intensity) for c in best.values()]
        return cls(tuple(best), np.array(presence, np.float32), np.array(intensity, np.float32), others_absent=True)

    @classmethod
    def of_intensities(cls, numbers: Sequence[int], values: npt.ArrayLike) -> AuLabels:
        """From one intensity (0–5, NaN not coded) per FACS number."""
        intensity = np.asarray(values, dtype=np.float32)
        with np.errstate(invalid="ignore"):
            presence = np.where(np.isnan(intensity), np.nan, intensity > 0).astype(np.float32)
        return cls(tuple(f"AU{n}" for n in numbers), presence, intensity)

    @classmethod
    def of_presence(cls, numbers: Sequence[int], values: npt.ArrayLike) -> AuLabels:
        """From 0, 1 or NaN (not known) per FACS number."""
        presence = np.asarray(values, dtype=np.float32)
        return cls(tuple(f"AU{n}" for n in numbers), presence, np.full(len(presence), np.nan, np.float32))

    @property
    def present(self) -> tuple[str, ...]:
        """Names of the units that are present for certain."""
        return tuple(n for n, p in zip(self.names, self.presence.tolist(), strict=True) if p == 1)

    def __repr__(self) -> str:
        return f"AuLabels({', '.join(self.names)})"
