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
from mien.lab.micro.clips import MicroClip
from mien.lab.micro.inputs import Effort
from mien.lab.micro.kinds import KINDS
from mien.lab.micro.networks import Kind, Network

PRETRAINED, FROM = "3d-cnn-pretrained", "3d-cnn"


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
