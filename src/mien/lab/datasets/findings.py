"""What a reader found odd in a copy: collected, not raised, so that one pass names everything that is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

State = Literal["problem", "note"]
MAX_EXAMPLES = 5
MAX_TEXT = 240


@dataclass(slots=True)
class Finding:
    """One kind of oddity.

    Attributes:
        state: "problem" (the copy is not as published) or "note" (corrected, ignored, or worth knowing).
        kind: what, e.g. "missing image".
        count: how often.
        examples: the first few, in words with the place.
    """

    state: State
    kind: str
    count: int = 0
    examples: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        times = f" ({self.count} times)" if self.count > 1 else ""
        more = "; …" if self.count > len(self.examples) else ""
        return f"{self.kind}{times}: {'; '.join(self.examples)}{more}"


class Findings:
    """Findings by kind; a million bad lines make one finding with a count."""

    def __init__(self) -> None:
        self._by_kind: dict[tuple[State, str], Finding] = {}

    def add(self, state: State, kind: str, example: str) -> None:
        """Count one occurrence; the first few examples are kept, made printable and cut to length."""
        finding = self._by_kind.setdefault((state, kind), Finding(state, kind))
        finding.count += 1
        if len(finding.examples) < MAX_EXAMPLES:
            finding.examples.append(printable(example))

    def problem(self, kind: str, example: str) -> None:
        """The copy is not as published."""
        self.add("problem", kind, example)

    def note(self, kind: str, example: str) -> None:
        """Corrected, ignored, or worth knowing."""
        self.add("note", kind, example)

    def __iter__(self) -> Iterator[Finding]:
        return iter(sorted(self._by_kind.values(), key=lambda f: f.state != "problem"))

    @property
    def problems(self) -> list[Finding]:
        """Only the problems."""
        return [f for f in self if f.state == "problem"]


def printable(text: str) -> str:
    """Text from a file, safe to show on a terminal: no control characters, not endless."""
    clean = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[: MAX_TEXT + 1])
    return clean if len(clean) <= MAX_TEXT else clean[: MAX_TEXT - 1] + "…"
