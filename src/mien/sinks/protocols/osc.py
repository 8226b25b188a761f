"""OSC 1.0 as bytes: messages and bundles with ints, floats and strings. Everything is big-endian, padded to 4."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

import numpy as np

from mien.core.arrays import AnyArray
from mien.sinks.protocols.packets import BadPacket

Argument = int | float | str
Message = tuple[str, tuple[Argument, ...]]

BUNDLE = b"#bundle\0" + struct.pack(">Q", 1)
"""Head of a bundle whose time is "immediately"."""
_DEEPEST = 8


def padded(text: str) -> bytes:
    """UTF-8 with at least one NUL, to a multiple of four."""
    data = text.encode("utf-8")
    return data + b"\0" * (4 - len(data) % 4)


def message(address: str, *arguments: Argument) -> bytes:
    """One message; int → i, float → f, str → s."""
    tags, body = ",", b""
    for value in arguments:
        if isinstance(value, str):
            tags, body = tags + "s", body + padded(value)
        elif isinstance(value, int):
            tags, body = tags + "i", body + struct.pack(">i", value)
        else:
            tags, body = tags + "f", body + struct.pack(">f", value)
    return padded(address) + padded(tags) + body


def bundles(messages: Sequence[bytes], limit: int) -> list[bytes]:
    """The messages in as few bundles of at most `limit` bytes as keep their order."""
    out: list[bytes] = []
    parts, size = [BUNDLE], len(BUNDLE)
    for one in messages:
        if size + 4 + len(one) > limit and len(parts) > 1:
            out.append(b"".join(parts))
            parts, size = [BUNDLE], len(BUNDLE)
        parts += [len(one).to_bytes(4, "big"), one]
        size += 4 + len(one)
    return [*out, b"".join(parts)]


class Layout:
    """Bundles that are the same in every frame but for their floats, so that a frame costs filling them in.

    Args:
        messages: each with zeros for its floats, and how many floats it ends with.
        limit: bytes of a bundle, at most.
    """

    def __init__(self, messages: Sequence[tuple[bytes, int]], limit: int) -> None:
        self._frames: list[tuple[AnyArray, AnyArray, int, int]] = []
        waiting, first = list(messages), 0
        for bundle in bundles([data for data, _ in messages], limit):
            at, places = len(BUNDLE), []
            while at < len(bundle):
                data, floats = waiting.pop(0)
                at += 4 + len(data)
                places += [at // 4 - floats + k for k in range(floats)]
            words = np.frombuffer(bytearray(bundle), ">f4")
            self._frames.append((words, np.array(places, np.int64), first, first + len(places)))
            first += len(places)

    def filled(self, values: Sequence[float]) -> list[bytes]:
        """The bundles with all floats in order of the messages."""
        given = np.array(values, ">f4")
        out = []
        for words, places, first, last in self._frames:
            words[places] = given[first:last]
            out.append(words.tobytes())
        return out


def parsed(data: bytes, depth: int = 0) -> Iterator[Message]:
    """All messages of a packet, bundles opened.

    Raises:
        BadPacket: cut off, foreign, nested too deep, or an argument of a type that is not read.
    """
    if not data.startswith(b"#bundle\0"):
        yield _message(data)
        return
    if depth >= _DEEPEST or len(data) < 16:
        raise BadPacket("broken OSC bundle")
    at = 16
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big", signed=True) if at + 4 <= len(data) else -1
        if size <= 0 or size % 4 or at + 4 + size > len(data):
            raise BadPacket("broken OSC bundle")
        yield from parsed(data[at + 4 : at + 4 + size], depth + 1)
        at += 4 + size


def _message(data: bytes) -> Message:
    if len(data) % 4 or not data.startswith(b"/"):
        raise BadPacket("no OSC message")
    address, at = _text(data, 0)
    tags, at = _text(data, at)
    if not tags.startswith(","):
        raise BadPacket("OSC message without types")
    arguments: list[Argument] = []
    for tag in tags[1:]:
        if tag == "s":
            value, at = _text(data, at)
            arguments.append(value)
            continue
        if tag not in "if" or at + 4 > len(data):
            raise BadPacket("broken OSC arguments")
        arguments.append(struct.unpack_from(">i" if tag == "i" else ">f", data, at)[0])
        at += 4
    if at != len(data):
        raise BadPacket("broken OSC arguments")
    return address, tuple(arguments)


def _text(data: bytes, at: int) -> tuple[str, int]:
    end = data.find(b"\0", at)
    if end < 0:
        raise BadPacket("unended OSC string")
    try:
        return data[at:end].decode("utf-8"), min(end + 4 - end % 4, len(data))
    except UnicodeDecodeError:
        raise BadPacket("OSC string is no UTF-8") from None
