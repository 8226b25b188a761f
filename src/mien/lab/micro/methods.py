"""Every method of seed 002's Tables 2 and 3 and seed 004's two, as one interface: learn from clips, name a clip's
class.

A method learns from what it is given and from nothing else: scales, adjacency and weights come from the training
clips; no epoch is chosen. Networks are made small (`Effort`) unless the full size is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from mien.core.arrays import Float32
from mien.errors import ConfigError
from mien.lab.micro.clips import MicroClip
from mien.lab.micro.flow_features import describe
from mien.lab.micro.inputs import Effort, span_frames
from mien.lab.micro.kinds import KINDS
from mien.lab.micro.local_patterns import TopSpec, top_histograms
from mien.lab.micro.networks import Network
from mien.pipeline.registry import suggestion


class Recogniser(Protocol):
    """What a method is."""

    def fit(self, clips: Sequence[MicroClip], classes: Sequence[str]) -> None:
        """Learn from scratch."""

    def predict(self, clips: Sequence[MicroClip]) -> list[str]:
        """A class for each clip."""


class _Descriptor:
    """A description and a linear support vector machine, scaled by the training clips."""

    def __init__(self, of: Callable[[MicroClip], Float32]) -> None:
        self._of, self._cache = of, dict[str, Float32]()
        self._model: Any = None

    def fit(self, clips: Sequence[MicroClip], classes: Sequence[str]) -> None:
        labels = [c.label for c in clips]
        self._only = labels[0] if len(set(labels)) == 1 else None
        self._model = make_pipeline(StandardScaler(), SVC(kernel="linear", C=0.1, class_weight="balanced"))
        if self._only is None:
            self._model.fit(self._rows(clips), labels)

    def predict(self, clips: Sequence[MicroClip]) -> list[str]:
        if self._only is not None:
            return [self._only] * len(clips)
        return [str(name) for name in self._model.predict(self._rows(clips))]

    def _rows(self, clips: Sequence[MicroClip]) -> Float32:
        for clip in clips:
            if clip.sample.name not in self._cache:
                self._cache[clip.sample.name] = self._of(clip)
        return np.stack([self._cache[c.sample.name] for c in clips])


def _described(which: str, clip: MicroClip) -> Float32:
    return describe(clip.frames[clip.onset : clip.offset + 1], which)


DESCRIPTORS: Mapping[str, Callable[[MicroClip], Float32]] = {
    "lbp-top": lambda c: top_histograms(span_frames(c, 12), TopSpec(radii=(1, 1, 2))),
    "locp-top": lambda c: top_histograms(span_frames(c, 12), TopSpec("ordinal", (1, 1, 2))),
    **{n: partial(_described, n) for n in ("mdmd", "sp-fd", "of-fd")},
}
NAMES = (*DESCRIPTORS, *KINDS)


def make_method(name: str, effort: Effort) -> Recogniser:
    """A method by name, untrained.

    Raises:
        ConfigError: there is none; close names are suggested.
    """
    if name in DESCRIPTORS:
        return _Descriptor(DESCRIPTORS[name])
    if name in KINDS:
        return Network(KINDS[name](), effort)
    raise ConfigError(f'there is no method "{name}"{suggestion(name, NAMES)}')


__all__ = ["DESCRIPTORS", "KINDS", "NAMES", "Effort", "Recogniser", "make_method"]
