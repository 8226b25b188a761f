"""Models on disk: a folder with `model.onnx` and `card.json`. Every byte is checked before anything runs.

A mismatch between the two is an error, never a warning. The file is read once: the bytes that were checked are the ones
that the backend gets. What OpenVINO compiled of the same bytes before may be taken from the user's cache folder instead
(`mien.runtime.compiled`, which says what is checked there).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mien.core.arrays import AnyArray
from mien.errors import ModelError
from mien.runtime.card import SAFE_NAME, CardFacts, ModelCard, PictureNetwork
from mien.runtime.session import Precision, Session, TensorSpec, open_session, with_batch

MODEL_FILE = "model.onnx"
CARD_FILE = "card.json"
MAX_CARD_BYTES = 1_000_000
MAX_MODEL_BYTES = 500_000_000

# ONNX can keep tensors in other files: a key "location" in a tensor's `external_data`, as protobuf writes it.
# Such a file would escape the checksum.
_EXTERNAL_DATA = b"\x0a\x08location\x12"


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A model that was checked and opened."""

    card: ModelCard
    session: Session
    folder: Path

    @property
    def id(self) -> str:
        """Name and version, for `Stage.models`."""
        return self.card.id

    def run(self, feeds: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
        """See `Session.run`."""
        return self.session.run(feeds)

    def close(self) -> None:
        """Release the network; may be called twice."""
        self.session.close()


def models_folder() -> Path:
    """Where the shipped models lie."""
    return Path(str(files("mien"))) / "models"


def model_folder(name_or_path: str | Path) -> Path:
    """The folder of a shipped model by name, or the given folder.

    A `Path`, or text with a separator in it, is a folder; anything else is the name of a shipped model.

    Raises:
        ModelError: not a possible name, or no such folder.
    """
    if isinstance(name_or_path, Path) or "/" in name_or_path or "\\" in name_or_path:
        folder = Path(name_or_path)
        if not folder.is_dir():
            raise ModelError(f"there is no model folder {folder}; give a folder with {MODEL_FILE} and {CARD_FILE}")
        return folder
    if not re.fullmatch(SAFE_NAME, name_or_path):
        raise ModelError(f"{name_or_path!r} is no name of a model (a-z, 0-9, _ and -); for a folder write ./FOLDER")
    folder = models_folder() / name_or_path
    if not folder.is_dir():
        names = ", ".join(shipped_names()) or "none"
        raise ModelError(f"there is no shipped model {name_or_path!r}; there are: {names}")
    return folder


def read_card(folder: Path) -> ModelCard:
    """The card in a model folder, checked for form (not against the model).

    Raises:
        ModelError: missing, too large, or not a card.
    """
    path = folder / CARD_FILE
    content = _read(path, MAX_CARD_BYTES)
    try:
        card = ModelCard.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(p) for p in first["loc"])
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise ModelError(f"{path}: {where + ': ' if where else ''}{first['msg']}{more}; write it anew") from error
    return card


def check_files(folder: Path) -> tuple[ModelCard, bytes]:
    """Card and bytes of a model folder, after the size and the checksum were compared.

    Raises:
        ModelError: a file is missing, too large, damaged, or not the one the card was written for.
    """
    card = read_card(folder)
    path = folder / MODEL_FILE
    content = _read(path, MAX_MODEL_BYTES)
    again = "copy the folder again, or write a new card with mien.runtime.store.write_card if the change was meant"
    if len(content) != card.bytes:
        raise ModelError(f"{path}: {len(content)} bytes, the card says {card.bytes}; {again}")
    if hashlib.sha256(content).hexdigest() != card.sha256:
        raise ModelError(f"{path}: its sha256 is not the card's; {again}")
    if _EXTERNAL_DATA in content:
        raise ModelError(f"{path}: keeps tensors in other files; export it as a single file")
    return card, content


def open_model(
    name_or_path: str | Path,
    *,
    backend: str | None = None,
    threads: int | None = None,
    precision: Precision | None = None,
    batch: int | None = None,
    small: bool = False,
    kind: PictureNetwork | None = None,
) -> Model:
    """Check a model folder and open it.

    Args:
        name_or_path: see `model_folder`.
        backend: a name of `mien.runtime.session.BACKENDS`; None = MIEN_BACKEND or the best there is.
        threads: threads of one run; None = the backend's own choice.
        precision: of the arithmetic; None = what the card says.
        batch, small: see `mien.runtime.session.open_session`.
        kind: of network that is asked for; None = any.

    Raises:
        ModelError: the folder is missing, damaged or contradicts itself, or the network is of another kind; the
            message names the file.
        ConfigError: unknown backend.
    """
    folder = model_folder(name_or_path)
    card, content = check_files(folder)
    if kind is not None and (problem := kind.mismatch(card)):
        raise ModelError(f"{folder}: {problem}")
    how: dict[str, Any] = {"precision": precision or card.precision, "backend": backend, "threads": threads}
    session = _open_checked(folder, card, content, batch=batch, small=small, **how)
    return Model(card, session, folder)


def shipped_names() -> tuple[str, ...]:
    """Names of the shipped models; nothing is read."""
    return tuple(p.name for p in _shipped_folders())


def list_models(folder: Path | None = None) -> tuple[ModelCard, ...]:
    """Cards of the shipped models (or of the model folders in `folder`), by name. The models are not checked.

    Raises:
        ModelError: a card is damaged.
    """
    return tuple(read_card(p) for p in _shipped_folders(folder))


def write_card(folder: Path, facts: CardFacts) -> ModelCard:
    """Write `card.json` beside a finished `model.onnx`, with its size and checksum, after opening the model.

    Raises:
        ModelError: no model there, or its inputs and outputs are not those of `facts`.
    """
    content = _read(folder / MODEL_FILE, MAX_MODEL_BYTES)
    own = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    card = ModelCard.model_validate({**{k: getattr(facts, k) for k in CardFacts.model_fields}, **own})
    _open_checked(folder, card, content).close()
    text = card.model_dump_json(indent=2, by_alias=True)
    (folder / CARD_FILE).write_text(text + "\n", encoding="utf-8")
    return card


def _open_checked(folder: Path, card: ModelCard, content: bytes, *, batch: int | None = None, **how: Any) -> Session:
    path = folder / MODEL_FILE
    try:
        session = open_session(content, batch=batch, **{"precision": card.precision, **how})
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    try:
        _compare(path, "input", tuple(with_batch(s, batch) for s in card.input_specs), session.inputs)
        _compare(path, "output", card.output_specs, session.outputs)
    except ModelError:
        session.close()
        raise
    return session


def _compare(path: Path, kind: str, said: tuple[TensorSpec, ...], found: Mapping[str, TensorSpec]) -> None:
    """Names, element types and shapes. Backends may know an output's length that the file leaves open."""
    told = {s.name: s for s in said}
    if told.keys() != found.keys():
        raise ModelError(f"{path}: its {kind}s are {sorted(found)}, {CARD_FILE} says {sorted(told)}; correct the card")
    for name, spec in told.items():
        real = found[name]
        same = spec.dtype == real.dtype and len(spec.shape) == len(real.shape)
        for a, b in zip(spec.shape, real.shape, strict=False):
            same = same and (a == b or (kind == "output" and (a is None or b is None)))
        if not same:
            raise ModelError(f"{path}: {kind} {name!r} is {real}, {CARD_FILE} says {spec}; correct the card")


def _shipped_folders(folder: Path | None = None) -> list[Path]:
    root = folder if folder is not None else models_folder()
    return sorted(p for p in root.glob("*") if (p / CARD_FILE).is_file())


def _read(path: Path, limit: int) -> bytes:
    """The content of a file that may be at most `limit` bytes long."""
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except FileNotFoundError:
        raise ModelError(f"{path} is missing; a model is a folder with {MODEL_FILE} and {CARD_FILE}") from None
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(content) > limit:
        raise ModelError(f"{path} is larger than {limit} bytes, which no model of Mien is; is it the right file?")
    return content
