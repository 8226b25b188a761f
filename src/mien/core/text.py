"""Words for people and names for files of text: plurals, and names that UTF-8 cannot hold."""

from __future__ import annotations


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """ "1 frame", "1,200 frames"; `plural` where it is more than an s at the end."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def storable(text: str) -> str:
    r"""The text as UTF-8 can hold it: bytes of a file name that are none become "\xff", as Python writes them."""
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # half a surrogate pair, as Windows allows in a name
        return text.encode("utf-8", "backslashreplace").decode("utf-8")
