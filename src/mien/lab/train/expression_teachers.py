"""Labels that say how sure one can be: what older networks read off a training face, mixed with the label it came with.

Labels of found pictures are noisy (people agree with FER2013's at about 65 %); a network that was taught on them once
answers with its doubts, and one that is taught on both makes fewer of the labels' mistakes its own (Hinton et al. 2015,
"distillation"; Furlanello et al. 2018, "born-again networks", where teacher and pupil have the same size). Only
training faces are asked about; the part that is held out keeps its plain labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from mien.core.arrays import Float32
from mien.errors import ConfigError, SourceError
from mien.lab.evaluate.expression_readers import by_name, reader_of
from mien.lab.train.expression_faces import ExpressionFaces

KEPT = "taught.npz"


def taught(faces: ExpressionFaces, teachers: Sequence[str], share: float, kept: Path | None = None) -> ExpressionFaces:
    """The same faces with labels (1 − share) · own + share · mean of the teachers, each with its mirror image.

    Args:
        faces: what is learnt from.
        teachers: words of `expression_readers.reader_of`; none = the faces as they are.
        share: 0–1 of the teachers.
        kept: file that keeps what the teachers said; None = they are asked every time.

    Raises:
        ConfigError: `share` is outside 0–1.
        SourceError: `kept` belongs to other faces or teachers, or is damaged.
        RequestError, ModelError: a teacher cannot be opened, or knows none of the classes.
    """
    if not 0.0 <= share <= 1.0:
        raise ConfigError(f"[faces] taught: {share} is not a share of 0–1")
    if not teachers or share == 0.0:
        return faces
    said = _read(kept, faces, teachers) if kept is not None and kept.is_file() else None
    if said is None:
        said = np.mean([_ask(word, faces) for word in teachers], axis=0, dtype=np.float32)
        if kept is not None:
            kept.parent.mkdir(parents=True, exist_ok=True)
            np.savez(kept, said=said, own=faces.probabilities, teachers=np.array(list(teachers)))
    mixed = (1 - share) * faces.probabilities + share * said
    return replace(faces, probabilities=np.asarray(mixed, np.float32))


def _ask(word: str, faces: ExpressionFaces) -> Float32:
    reader = reader_of(word, flip=True)
    try:
        return by_name(reader.read(faces), reader.classes, faces.classes)
    finally:
        reader.close()


def _read(kept: Path, faces: ExpressionFaces, teachers: Sequence[str]) -> Float32:
    try:
        with np.load(kept, allow_pickle=False) as file:
            said, own, words = file["said"], file["own"], file["teachers"].tolist()
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise SourceError(f"{kept}: cannot be read ({error}); delete it, the teachers are asked again") from error
    if words != list(teachers) or not np.array_equal(own, faces.probabilities):
        raise SourceError(
            f"{kept}: holds what other teachers said, or of other faces; delete it, or choose another --out"
        )
    return np.asarray(said, np.float32)
