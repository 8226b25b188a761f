"""The networks of a cascade, as recipes name them and as checkpoints hold them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from mien.errors import ConfigError
from mien.lab.models.blocks.parallel import ParallelSpec
from mien.lab.models.cascade import OutputNet, OutputSpec, ProposalNet, ProposalSpec, RefineNet, RefineSpec
from mien.lab.models.mtcnn import ClassicMtcnn
from mien.lab.train.checkpoints import read_checkpoint
from mien.lab.train.recipe import settings


def build(table: Mapping[str, Any]) -> nn.Module:
    """A network as a stage's `model` says: `kind`, and any field of its spec.

    Raises:
        ConfigError: unknown kind or field.
    """
    options = dict(table)
    kind = str(options.pop("kind", ""))
    if kind in ("mtcnn-p", "mtcnn-r", "mtcnn-o"):
        settings(_Nothing, options)
        return ClassicMtcnn(kind[-1])  # type: ignore[arg-type]
    if kind == "immtcnn-p":
        return ProposalNet(settings(ProposalSpec, options))
    if kind == "immtcnn-r":
        return RefineNet(settings(RefineSpec, options))
    if kind == "immtcnn-o":
        parallel = options.pop("parallel", {})
        found = None if parallel is False else settings(ParallelSpec, parallel)
        return OutputNet(settings(OutputSpec, {**options, "parallel": found}))
    raise ConfigError(f"model kind {kind!r}: choose one of mtcnn-p, -r, -o, immtcnn-p, -r, -o")


@dataclass(frozen=True, slots=True)
class _Nothing:
    """The classic networks have no settings."""


def read_network(path: Path) -> nn.Module:
    """A network from its checkpoint, ready to be asked.

    Raises:
        ModelError: it cannot be read.
    """
    state = read_checkpoint(path)
    net = build(state["facts"]["model"])
    net.load_state_dict(state["net"])
    return net.eval()
