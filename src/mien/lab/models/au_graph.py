"""SE-ResNet50-GCN (seed 000 §3.2, figures 4–6): pixels and landmarks → intensity of every action unit.

Stages 0–4 of the backbone; the multi-scale module; ROI Align on regions placed by landmarks; local convolutions with an
attention map; fusion of the local with the global feature; a graph convolution over the units with the semantic
adjacency. Every row of the published ablation (Table 3, Fig. 9) is an `AuGraphSpec`.

One number is answered per unit, its intensity; presence is a threshold on it, so that the two cannot disagree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from mien.core.schema import load_schema
from mien.lab.models.au_regions import REGION_NAMES, region_boxes, region_of
from mien.lab.models.blocks.convolution import ConvBnAct, ConvSpec
from mien.lab.models.blocks.graph import GraphConvs
from mien.lab.models.blocks.roi_align import roi_align
from mien.lab.models.blocks.stages import Backbone, BackboneSpec, StepwiseFusion

FULL = 5.0
NODES = load_schema("facs").names
FUSED_STRIDE = 16
"""Picture px per cell of the fused map: that of stage 3."""


@dataclass(frozen=True, slots=True)
class AuGraphSpec:
    """What a network consists of.

    Attributes:
        backbone: its size.
        local: multi-scale module and regions; without, the global feature alone is read.
        graph: "semantic" adjacency, "full" (every unit linked to every other alike, the plain GCN), or "none".
        depth: layers of the graph convolution.
        fused: channels of the multi-scale map.
        local_width: channels of a region's convolutions.
        node_width: features of a node.
        bins: side of an aligned region.
    """

    backbone: BackboneSpec = field(default_factory=BackboneSpec)
    local: bool = True
    graph: Literal["semantic", "full", "none"] = "semantic"
    depth: int = 3
    fused: int = 256
    local_width: int = 48
    node_width: int = 128
    bins: int = 6


_PLAIN = BackboneSpec(residual=False, excite=False, blocks=(2, 2, 2, 2))
SPECS: Mapping[str, AuGraphSpec] = {
    "se-resnet50-gcn": AuGraphSpec(),
    "resnet50-gcn": AuGraphSpec(backbone=BackboneSpec(excite=False)),
    "se-gcn": AuGraphSpec(backbone=replace(_PLAIN, excite=True)),
    "se-resnet50": AuGraphSpec(local=False, graph="none"),
    "without-gcn": AuGraphSpec(graph="none"),
    "plain-gcn": AuGraphSpec(backbone=_PLAIN, graph="full"),
    "se-resnet50-gcn-2": AuGraphSpec(depth=2),
    "se-resnet50-gcn-4": AuGraphSpec(depth=4),
}
"""Rows of Table 3 and of the depth study. The paper has two rows without the graph: "SE-ResNet50" is read as the bare
classifier, "w/o GCN" as the whole model whose units are read out without being told of each other; "Baseline" is the
plain GCN of its abstract."""


class AuGraph(nn.Module):
    """(B, 3, S, S) normalised RGB and (B, 98, 2) landmarks in px of it → (B, U) logits of intensity / 5, schema "facs".

    S is divisible by 32. `intensity` turns logits into 0–5.
    """

    def __init__(self, spec: AuGraphSpec, adjacency: npt.ArrayLike | None = None) -> None:
        """
        Args:
            spec: what it consists of.
            adjacency: (U, U) of `semantic_adjacency`; needed for graph = "semantic", else unused.

        Raises:
            ValueError: a semantic graph without its adjacency, or with one of another size.
        """
        super().__init__()
        self.backbone = Backbone(spec.backbone)
        widths = spec.backbone.widths
        self.whole = nn.Linear(widths[-1], spec.node_width)
        self.local = LocalFeatures(widths[:3], spec) if spec.local else None
        self.mix = nn.Linear(2 * spec.node_width if spec.local else spec.node_width, spec.node_width)
        self.graph = None
        if spec.graph != "none":
            n = len(NODES)
            links = np.ones((n, n)) - np.eye(n) if spec.graph == "full" else np.asarray(adjacency, dtype=np.float64)
            if links.shape != (n, n):
                raise ValueError(f"AuGraph: a semantic graph needs the adjacency of {n} units, got {links.shape}")
            self.graph = GraphConvs([spec.node_width] * (spec.depth + 1), links)
        self.reader = nn.Parameter(torch.zeros(len(NODES), spec.node_width))
        self.bias = nn.Parameter(torch.full((len(NODES),), -2.5))
        nn.init.normal_(self.reader, std=0.02)

    def forward(self, image: Tensor, points_xy: Tensor) -> Tensor:
        """See the class."""
        maps = self.backbone(image)
        whole = torch.relu(self.whole(maps[-1].mean(dim=(2, 3))))[:, None].expand(-1, len(NODES), -1)
        parts = [whole] if self.local is None else [whole, self.local(maps[:3], points_xy)]
        nodes = torch.relu(self.mix(torch.cat(parts, dim=-1)))
        if self.graph is not None:
            nodes = self.graph(nodes)
        return (nodes * self.reader).sum(dim=-1) + self.bias


class LocalFeatures(nn.Module):
    """Maps of stages 1–3 → (B, U, node_width): each unit gets the feature of its region."""

    of_unit: Tensor

    def __init__(self, widths: Sequence[int], spec: AuGraphSpec) -> None:
        super().__init__()
        regions, width = len(REGION_NAMES), spec.local_width
        self.bins = spec.bins
        self.fusion = StepwiseFusion(widths, spec.fused)
        self.narrow = ConvBnAct(spec.fused, width, ConvSpec(1))
        self.convs = nn.Sequential(
            ConvBnAct(regions * width, regions * width, ConvSpec(3, groups=regions)),
            ConvBnAct(regions * width, regions * width, ConvSpec(3, groups=regions)),
        )
        self.attention = nn.Conv2d(regions * width, regions, 1, groups=regions)
        self.out = nn.Linear(width, spec.node_width)
        self.register_buffer("of_unit", torch.tensor([region_of(n) for n in NODES]))

    def forward(self, maps: Sequence[Tensor], points_xy: Tensor) -> Tensor:
        """See the class."""
        fused = self.narrow(self.fusion(maps))
        found = roi_align(fused, region_boxes(points_xy), self.bins, FUSED_STRIDE)
        b, r, c, h, w = found.shape
        features = self.convs(found.reshape(b, r * c, h, w))
        weight = torch.sigmoid(self.attention(features))
        seen = (features.reshape(b, r, c, h, w) * weight.reshape(b, r, 1, h, w)).mean(dim=(3, 4))
        out: Tensor = torch.relu(self.out(seen))
        return out.index_select(1, self.of_unit)


def intensity(logits: Tensor) -> Tensor:
    """0–5 from the network's answer."""
    return FULL * torch.sigmoid(logits)
