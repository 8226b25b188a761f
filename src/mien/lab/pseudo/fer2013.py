"""FER2013 as a source: 48×48 grey cut-out faces. Their classes are kept as they are; points come from the teacher."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from mien.lab.datasets.dataset import open_dataset
from mien.lab.pseudo.sources import Listing, Picture

_MARGIN = 0.08
"""The pictures were cut by a face detector: the face fills all but about this share on each side."""


def list_fer2013(folder: Path) -> Listing:
    """Training pictures (without near doubles of validation pictures) and validation pictures, by their own splits.

    Every picture is a subject: who is shown is not known.

    Raises:
        SourceError: no FER2013 there.
    """
    left_out: Counter[str] = Counter()
    pictures = []
    for sample in open_dataset("fer2013", folder):
        if sample.attributes.get("near_val") and sample.split == "train":
            left_out["near double of a validation picture"] += 1
            continue
        name = "".join(c if c.isalnum() else "_" for c in sample.name)
        box = np.array([_MARGIN, _MARGIN, 1 - _MARGIN, 1 - _MARGIN], dtype=np.float32) * 48 - 0.5
        pictures.append(
            Picture(
                name=name,
                subject=name,
                image=sample.image,
                boxes_xyxy=(box.astype(np.float32),),
                split=sample.split,
                expression=sample.expression.name if sample.expression else "",
                need_detection=False,
            )
        )
    return Listing("fer2013", tuple(pictures), dict(left_out))
