"""Labels that say how sure one can be: what older networks read off a training face, mixed with the label it came with.

Labels of found pictures are noisy (people agree with FER2013's at about 65 %); a network that was taught on them once
answers with its doubts, and one that is taught on both makes fewer of the labels' mistakes its own (Hinton et al. 2015,
"distillation"; Furlanello et al. 2018, "born-again networks", where teacher and pupil have the same size). Only
training faces are asked about; the part that is held out keeps its plain labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mien.core.arrays import Float32
from mien.errors import ConfigError
from mien.lab.evaluate.expression_readers import by_name, reader_of
from mien.lab.train.expression_faces import ExpressionFaces


def taught(faces: ExpressionFaces, teachers: Sequence[str], share: float) -> tuple[ExpressionFaces, tuple[str, ...]]:
    """The same faces with labels (1 − share) · own + share · mean of the teachers, each with its mirror image.

    Args:
        faces: what is learnt from.
        teachers: words of `expression_readers.reader_of`; none = the faces as they are.
        share: 0–1 of the teachers.

    Returns:
        The faces, and who the teachers were (a model's id holds its version and the hash of its weights): a run that
        goes on compares them.

    Raises:
        ConfigError: `share` is outside 0–1.
        RequestError, ModelError: a teacher cannot be opened, or knows none of the classes.
    """
    if not 0.0 <= share <= 1.0:
        raise ConfigError(f"[faces] taught: {share} is not a share of 0–1")
    if not teachers:
        return faces, ()
    said, names = zip(*(_ask(word, faces) for word in teachers), strict=True)
    mixed = (1 - share) * faces.probabilities + share * np.mean(said, axis=0, dtype=np.float32)
    return replace(faces, probabilities=np.asarray(mixed, np.float32)), names


def _ask(word: str, faces: ExpressionFaces) -> tuple[Float32, str]:
    reader = reader_of(word, flip=True)
    try:
        return by_name(reader.read(faces), reader.classes, faces.classes), reader.name
    finally:
        reader.close()
