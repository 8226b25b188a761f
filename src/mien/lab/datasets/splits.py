"""Frozen splits: which side a face is on never depends on chance, nor on what else is in the copy.

Where a dataset publishes a split, that split is used. Where the protocol leaves one subject out at a time (LOSO),
the split is "all" and `Dataset.folds` does it. Elsewhere a subject's fold follows from the subject's name alone.
"""

from __future__ import annotations

import hashlib
import re

TRAIN_SHARE = 70
VAL_SHARE = 15


def subject_fold(dataset: str, subject: str, folds: int) -> str:
    """ "fold1" … "fold<folds>" of a subject.

    By the number the subject's name ends with (S005 of 10 folds: fold5), which deals neighbours evenly; by the
    SHA-256 of "dataset/subject" if it ends with none.
    """
    match = re.search(r"(\d{1,9})$", subject)
    place = int(match[1]) - 1 if match else _hash(dataset, subject)
    return f"fold{place % folds + 1}"


def hashed_split(dataset: str, key: str) -> str:
    """ "train" (70 %), "val" (15 %) or "test" (15 %), by the SHA-256 of "dataset/key". `key` is the subject where
    one is known, else the item's name."""
    place = _hash(dataset, key) % 100
    return "train" if place < TRAIN_SHARE else "val" if place < TRAIN_SHARE + VAL_SHARE else "test"


def _hash(dataset: str, key: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{dataset}/{key}".encode()).digest()[:8], "big")
