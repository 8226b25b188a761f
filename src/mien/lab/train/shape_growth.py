"""A pixel reader goes on as a deeper one: new residual blocks begin as nothing, so that it answers as before at first.

Net2DeeperNet (Chen, Goodfellow & Shlens 2016, Net2Net) for residual blocks: the last normalisation of a new block
scales by 0, and what comes in is not negative, so that relu(0 + x) = x.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from mien.errors import ModelError
from mien.lab.models.blocks.residual import BasicBlock
from mien.lab.models.shape_reader import ShapeReader

FIRST = "first.pt"
"""In the folder of a run that began with weights: those."""
_STEM = 2
_TRUNK = "one_side"


def deepened(net: ShapeReader, state: Mapping[str, Tensor], blocks: Sequence[int]) -> list[str]:
    """Give a reader the weights of one that may have fewer blocks; returns the names of weights that are new.

    Args:
        net: of basic blocks; changed in place.
        state: weights of the other one.
        blocks: its blocks of each stage.

    Raises:
        ModelError: the other one has more blocks somewhere, blocks of another kind are to be added, or weights do not
            fit.
    """
    basic = any(isinstance(layer, BasicBlock) for layer in net.trunk())
    if not basic and tuple(blocks) != tuple(net.blocks):
        raise ModelError("only a reader of basic blocks can go on as a deeper one")
    if len(blocks) != len(net.blocks) or any(a > b for a, b in zip(blocks, net.blocks, strict=True)):
        raise ModelError(f"weights of a reader with blocks {tuple(blocks)} do not fit one with {net.blocks}")
    place = _places(blocks, net.blocks) if basic else {k: k for k in range(len(net.one_side))}
    fitting = {_moved(name, place): value for name, value in state.items()}
    try:
        lacking = net.load_state_dict(fitting, strict=False).missing_keys
    except RuntimeError as error:
        raise ModelError(f"weights of another reader do not fit: {error}") from None
    old = set(place.values())
    for k, layer in enumerate(net.trunk()):
        if k not in old and isinstance(layer, BasicBlock):
            norm = [m for m in layer.body.modules() if isinstance(m, nn.BatchNorm2d)][-1]
            nn.init.zeros_(norm.weight)
    return list(lacking)


def blended(first: Mapping[str, Tensor], last: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """Weights between those that a run began with and its own: better than either on people that neither met
    (Wortsman et al. 2022, Robust fine-tuning of zero-shot models).

    Args:
        first, last: of one network.
        share: 0–1, of the first.

    Raises:
        ModelError: they are of different networks.
    """
    if {k: v.shape for k, v in first.items()} != {k: v.shape for k, v in last.items()}:
        raise ModelError("weights of different networks cannot be blended")
    return {k: share * first[k] + (1 - share) * v if v.is_floating_point() else v for k, v in last.items()}


def _places(before: Sequence[int], now: Sequence[int]) -> dict[int, int]:
    """Number of each layer of the shallower reader → of the same layer in the deeper one."""
    place = {k: k for k in range(_STEM)}
    old, new = _STEM, _STEM
    for few, many in zip(before, now, strict=True):
        place.update({old + i: new + i for i in range(few)})
        old, new = old + few, new + many
    return place | {old + i: new + i for i in range(4)}  # squeezed, flattened, joined, cut at 0


def _moved(name: str, place: Mapping[int, int]) -> str:
    head, _, rest = name.partition(".")
    if head != _TRUNK:
        return name
    number, _, tail = rest.partition(".")
    return f"{_TRUNK}.{place[int(number)]}.{tail}"
