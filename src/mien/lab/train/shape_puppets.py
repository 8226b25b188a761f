"""Groups of moved portraits (`lab.pseudo.puppet`): the movement is known exactly, the portrait's own expression is not.

`moved` of a group is the change from the portrait. `plain` is known only where the portrait is calm, and, for what the
set's teacher reads well on strangers (lids, smiles, the jaw), as its reading plus the change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from mien.core.arrays import Float32
from mien.core.schema import load_schema
from mien.errors import RequestError, SourceError
from mien.lab.datasets.dataset import open_dataset
from mien.lab.datasets.sample import Sample
from mien.lab.pseudo.puppet import MOST, MOST_HEAD_DEG, Portrait, Puppet
from mien.lab.rigs.rig import Rig
from mien.lab.synth.single_shapes import random_shapes
from mien.lab.train.shape_groups import AT_REST, IN_GROUP, Labelled, shown
from mien.lab.train.shape_views import Look

_ARKIT = load_schema("arkit52")
_NEVER = np.array([MOST.get(name, 1.0) == 0.0 for name in _ARKIT.names])
_MOST = np.array([MOST.get(name, 1.0) for name in _ARKIT.names], np.float32)
_BELIEVED = [i for i, n in enumerate(_ARKIT.names) if n.startswith(("eyeBlink", "mouthSmile", "jawOpen"))]
"""What the teacher reads on strangers well enough to be learnt from."""
_CALM = {"mouthSmile": 0.25, "jawOpen": 0.12, "eyeBlink": 0.2, "browInnerUp": 0.35, "browDown": 0.35, "mouth": 0.45}
"""A portrait with more of these than so much, by the teacher, is not calm."""


def puppet_groups(name: str, split: str, rigs: Sequence[Rig], look: Look, seed: int) -> Iterator[list[Labelled]]:
    """Groups without end: portraits in turn from number `seed` on, each moved by one of the rigs.

    Raises:
        RequestError: the set has no portrait of that split.
    """
    kind, _, place = name.partition(":")
    portraits = open_dataset(kind, place).split(split)
    if not len(portraits):
        raise RequestError(f"{name} has no portrait of the split {split!r}")
    number = seed
    while True:
        sample = portraits.sample(number % len(portraits))
        rng = np.random.default_rng([seed, number])
        number += 1
        group = _group(sample, rigs[number % len(rigs)], look, rng)
        if group is not None:
            yield group


def _group(sample: Sample, rig: Rig, look: Look, rng: np.random.Generator) -> list[Labelled] | None:
    """None = the rig does not fit, or the face was lost."""
    truth = sample.truth
    if truth is None or truth.blendshapes is None:
        return None
    try:
        puppet = Puppet(Portrait.of_sample(sample), rig)
    except SourceError:
        return None
    unknown = _NEVER | ~shown(puppet.identity)
    own = truth.blendshapes.astype(np.float32)
    image, points = puppet.portrait.image, puppet.portrait.landmarks_xy
    off = look.offset(image, points, None, rng)
    if off is None:
        return None
    out = []
    for k in range(IN_GROUP):
        turn = np.clip(rng.normal(0.0, (3.0, 2.0, 2.0)), -MOST_HEAD_DEG, MOST_HEAD_DEG)
        asked = np.zeros(len(_ARKIT), np.float32) if k < AT_REST else np.minimum(random_shapes(rng), _MOST)
        frame = puppet.frame(asked, turn.astype(np.float32))
        crop = look.cut(frame.image, frame.landmarks_xy, None, off)
        if crop is None:
            return None
        moved = frame.shapes.copy()
        moved[unknown] = np.nan
        out.append(Labelled(crop, plain_of(own, moved), moved))
    return out


def plain_of(own: Float32, moved: Float32) -> Float32:
    """(52,) what the face shows in all, from the teacher's reading of the portrait and the change; NaN = not known."""
    total = np.clip(np.nan_to_num(own) + moved, 0.0, 1.0)
    if calm(own):
        return np.where(np.isfinite(moved), moved, np.nan).astype(np.float32)
    out = np.full(len(_ARKIT), np.nan, np.float32)
    out[_BELIEVED] = total[_BELIEVED]
    return out


def calm(weights: npt.ArrayLike) -> bool:
    """Whether a portrait is at rest, by what the teacher reads."""
    found = np.nan_to_num(np.asarray(weights, np.float32))
    for name, value in zip(_ARKIT.names, found.tolist(), strict=True):
        limit = next((most for start, most in _CALM.items() if name.startswith(start)), 1.0)
        if value > limit:
            return False
    return True
