"""Table 2's "3D-CNN (pre-trained)": the 3D-CNN that begins with what it learned on ordinary expressions.

The paper began with weights of action recognition; here it is whatever clips the user has of large expressions, of
people who are not tested. Their classes need not be those of the micro-expressions: the last layers begin anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from torch import Tensor, nn

from mien.core.arrays import Float32
from mien.errors import RequestError
from mien.lab.datasets.dataset import open_dataset
from mien.lab.datasets.sample import Sample
from mien.lab.metrics.leaks import Pictures, check_no_leak
from mien.lab.micro.clips import MicroClip, micro_samples, read_clips, strongest_unit
from mien.lab.micro.inputs import Effort
from mien.lab.micro.kinds import KINDS
from mien.lab.micro.networks import Kind, Network

PRETRAINED, FROM = "3d-cnn-pretrained", "3d-cnn"


def ordinary_clips(specs: Sequence[str], side: int, tested: Sequence[Sample], pictures: Pictures) -> list[MicroClip]:
    """Macro-expressions, each with its strongest unit as class.

    Args:
        specs: NAME:PATH of each dataset; none = no clips.
        side: of the pictures, px.
        tested: who must not be among them; people are compared, names of samples are not.
        pictures: compare pictures in the leak test, too.

    Raises:
        RequestError: a person of them is tested, too.
    """
    out: list[MicroClip] = []
    for k, spec in enumerate(specs):
        found = micro_samples(list(open_dataset(spec)), macro=True)
        own = [replace(s, name=f"{k}: {s.name}") for s in found]  # drawn folders all count from 0
        out += list(read_clips(own, side, strongest_unit))
    if specs:
        check_no_leak([c.sample for c in out], tested, pictures)
    return out


def pretrained_weights(clips: Sequence[MicroClip], effort: Effort) -> dict[str, Tensor]:
    """Weights of the 3D-CNN without its last layers after `effort.steps` steps on clips of ordinary expressions.

    Args:
        clips: of people who are not tested, each with its class.
        effort: as of the folds; only the steps may be others.

    Raises:
        RequestError: fewer than two classes: nothing could be learned.
    """
    classes = sorted({c.label for c in clips})
    if len(classes) < 2:
        raise RequestError(f"pre-training: {len(clips)} clips in {len(classes)} classes; at least two are needed")
    first = Network(KINDS[FROM](), effort)
    first.fit(clips, classes)
    return {name: value.clone() for name, value in first.trained.state_dict().items() if name.startswith("backbone.")}


def started_from(weights: Mapping[str, Tensor]) -> Kind:
    """The 3D-CNN that begins every fold with these."""
    kind = KINDS[FROM]()

    def build(classes: int, adjacency: Float32, effort: Effort) -> nn.Module:
        net = kind.build(classes, adjacency, effort)
        net.load_state_dict(dict(weights), strict=False)
        return net

    return replace(kind, build=build)
