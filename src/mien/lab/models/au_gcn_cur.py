"""AU_GCN_CUR (seed 002): a clip → when the micro-expression begins and ends, its action units, its emotion.

3D-ResNet-18 (Table 1) with the enrichment of ELRCN; two regressions with an order constraint (§3.2); a directed graph
of action units whose links are conditional probabilities, with an emotion layer (§3.3); self-attention pooling.

Read otherwise than printed: Table 1 halves time in blocks 2–4 although the text keeps the "temporal dimension intact";
the table is followed. "Five residual modules" (text) are the stem and the four blocks of the table. L_seg is printed
without its minus sign. The graph has 19 nodes in §3.2 and 12 in §4.1.2: the number follows from the data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mien.core.arrays import Float32
from mien.lab.models.blocks.graph import GraphConvs
from mien.lab.models.blocks.graph_pool import SelfAttentionPool, read_out
from mien.lab.models.blocks.spatiotemporal import BasicBlock3d, Conv3dBnAct, LastOfSequence

SEGMENT_WEIGHT = 0.5
"""λ of §3.2."""
UNIT_SHARE = 0.7
"""α of §3.2 and §3.3."""
Enrichment = Literal["none", "spatial", "temporal", "both"]


@dataclass(frozen=True, slots=True)
class MicroSpec:
    """What a network consists of.

    Attributes:
        widths: channels of the stem and of blocks 1–4 (Table 1: 64, 64, 128, 256, 512).
        graph: "asymmetric" P(U_i | U_j), "symmetric" (its mean with its transpose), or "none".
        nodes: "one-hot" (one learned row per unit, §4.1.2) or "feature" (the clip's feature per unit, §3.3).
        enrichment: of ELRCN (Khor et al. 2018): "spatial" = flow and strain as further channels; "temporal" = a memory
            over the maps' course in time.
        layers: widths of the graph convolutions.
        ratio: of the pooling.
        emotion_layer: classes' probabilities are part of every node.
        pooled_stem: a 3×3 maximum of stride 2 behind the stem, which Table 1 has not: 5 times as fast.
    """

    widths: tuple[int, int, int, int, int] = (64, 64, 128, 256, 512)
    graph: Literal["asymmetric", "symmetric", "none"] = "asymmetric"
    nodes: Literal["one-hot", "feature"] = "feature"
    enrichment: Enrichment = "both"
    layers: tuple[int, ...] = (1024, 512)
    ratio: float = 0.5
    emotion_layer: bool = True
    pooled_stem: bool = False

    @property
    def channels(self) -> int:
        """Of the input: grey, or grey, flow x, flow y, strain."""
        return 4 if self.enrichment in ("spatial", "both") else 1


SPECS: Mapping[str, MicroSpec] = {
    "au-gcn-cur": MicroSpec(),
    "au-gcn-cur-one-hot": MicroSpec(nodes="one-hot"),
    "au-gcn-cur-symmetric": MicroSpec(graph="symmetric"),
    "au-gcn-cur-plain": MicroSpec(enrichment="none"),
    "3d-cnn": MicroSpec(graph="none", enrichment="none"),
}
"""Rows of Table 2 and ablations; "3D-CNN (pre-trained)" is "3d-cnn" started from weights of ordinary expressions."""


def conditional_adjacency(present: npt.ArrayLike) -> Float32:
    """(N, N) float32: A[i, j] = P(U_i | U_j) = N_ij / N_j. Rows are what follows, columns what is given.

    Not symmetric: a rare unit that always comes with a common one gives 1 in its column, little in its row. The
    diagonal is 0 (`blocks.graph.normalised` adds the self-loops); a unit that never occurs has an empty column.

    Args:
        present: (S, N) bool or 0/1, one row per clip.
    """
    x = np.asarray(present, dtype=np.float64)
    together = x.T @ x
    alone = np.diag(together).copy()
    np.fill_diagonal(together, 0.0)
    return np.divide(together, alone[None, :], out=np.zeros_like(together), where=alone[None, :] > 0).astype(np.float32)


class Resnet3d18(nn.Module):
    """(B, C, T, 112, 112) → feature (B, 512) and course (B, T / 8, 512); Table 1. T divisible by 8."""

    def __init__(self, spec: MicroSpec) -> None:
        super().__init__()
        stem, *blocks = spec.widths
        self.stem = Conv3dBnAct(spec.channels, stem, (3, 7, 7), (1, 2, 2))
        self.pool = nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)) if spec.pooled_stem else nn.Identity()
        layers: list[nn.Module] = []
        inputs = stem
        for k, width in enumerate(blocks):
            layers += [BasicBlock3d(inputs, width, 1 if k == 0 else 2), BasicBlock3d(width, width)]
            inputs = width
        self.blocks = nn.Sequential(*layers)

    def forward(self, clip: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        maps = self.blocks(self.pool(self.stem(clip)))
        return maps.mean(dim=(2, 3, 4)), maps.mean(dim=(3, 4)).transpose(1, 2)


@dataclass(frozen=True, slots=True, eq=False)
class MicroAnswer:
    """What the network says of B clips.

    Attributes:
        span: (B, 2) onset and offset, 0–1 of the clip, onset ≤ offset by construction.
        emotions: (B, classes) logits.
        units: (B, N) logits, or None without a graph.
    """

    span: Tensor
    emotions: Tensor
    units: Tensor | None


class AuGcnCur(nn.Module):
    """(B, C, T, H, W), C = `spec.channels` → `MicroAnswer`."""

    def __init__(self, spec: MicroSpec, classes: int, adjacency: npt.ArrayLike | None = None) -> None:
        """
        Args:
            spec: what it consists of.
            classes: emotions.
            adjacency: (N, N) of `conditional_adjacency` of the training clips; not needed without a graph.

        Raises:
            ValueError: a graph without its adjacency.
        """
        super().__init__()
        width = spec.widths[-1]
        self.backbone = Resnet3d18(spec)
        self.memory = LastOfSequence(width, width) if spec.enrichment in ("temporal", "both") else None
        self.span = nn.Linear(width, 2)
        self.emotions = nn.Linear(width, classes)
        self.graph = None if spec.graph == "none" else _UnitGraph(spec, classes, _links(spec, adjacency))

    def feature(self, clip: Tensor) -> Tensor:
        """(B, 512)."""
        pooled, course = self.backbone(clip)
        out: Tensor = pooled if self.memory is None else 0.5 * (pooled + self.memory(course))
        return out

    def forward(self, clip: Tensor) -> MicroAnswer:
        """See the class."""
        feature = self.feature(clip)
        first = self.emotions(feature)
        span = ordered_span(self.span(feature))
        if self.graph is None:
            return MicroAnswer(span, first, None)
        units, emotions = self.graph(feature, first)
        return MicroAnswer(span, emotions, units)


def ordered_span(raw: Tensor) -> Tensor:
    """(B, 2) any numbers → onset and offset with 0 ≤ onset ≤ offset ≤ 1: the offset is a share of what is left."""
    onset, share = raw.sigmoid().unbind(dim=1)
    return torch.stack([onset, onset + (1 - onset) * share], dim=1)


def _links(spec: MicroSpec, adjacency: npt.ArrayLike | None) -> Float32:
    if adjacency is None:
        raise ValueError("AuGcnCur: a graph needs the adjacency of its action units")
    links = np.asarray(adjacency, dtype=np.float32)
    return (links + links.T) / 2 if spec.graph == "symmetric" else links


class _UnitGraph(nn.Module):
    """Feature (B, W) and first emotion logits (B, K) → unit logits (B, N) and emotion logits (B, K)."""

    def __init__(self, spec: MicroSpec, classes: int, links: Float32) -> None:
        super().__init__()
        n, width = len(links), spec.widths[-1]
        self.own = nn.Parameter(torch.eye(n)) if spec.nodes == "one-hot" else None
        self.spread = nn.Linear(width, n if spec.nodes == "one-hot" else n * width)
        inputs = (n if spec.nodes == "one-hot" else width) + (classes if spec.emotion_layer else 0)
        self.emotion_layer, self.n = spec.emotion_layer, n
        self.graph = GraphConvs((inputs, *spec.layers), links)
        self.pool = SelfAttentionPool(spec.layers[-1], spec.ratio)
        self.unit = nn.Linear(spec.layers[-1], 1)
        self.emotions = nn.Linear(2 * spec.layers[-1] + width, classes)

    def forward(self, feature: Tensor, first: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        seen = self.spread(feature)
        if self.own is not None:  # a node's own row, switched by how much of the unit the clip shows
            nodes = self.own[None] * seen.sigmoid()[..., None]
        else:
            nodes = torch.relu(seen.reshape(len(feature), self.n, -1))
        if self.emotion_layer:
            layer = first.softmax(dim=1)[:, None].expand(-1, self.n, -1)
            nodes = torch.cat([nodes, layer], dim=-1)
        nodes = self.graph(nodes)
        kept, _, _ = self.pool(nodes, self.graph.links)
        emotions = self.emotions(torch.cat([read_out(kept), feature], dim=-1))
        return self.unit(nodes).squeeze(-1), emotions


@dataclass(frozen=True, slots=True, eq=False)
class MicroTruth:
    """What is known of B clips.

    Attributes:
        emotions: (B,) int64 classes.
        span: (B, 2) 0–1; NaN = not known.
        units: (B, N) 0 or 1; NaN = not known.
    """

    emotions: Tensor
    span: Tensor
    units: Tensor


def segment_loss(emotions: Tensor, span: Tensor, truth: MicroTruth) -> Tensor:
    """§3.2: −Σ y log ŷ + λ Σ (t − t̂)², λ = 0.5; mean over the clips, times summed over onset and offset."""
    known = torch.isfinite(truth.span)
    away = torch.where(known, span - torch.nan_to_num(truth.span), torch.zeros_like(span))
    return F.cross_entropy(emotions, truth.emotions) + SEGMENT_WEIGHT * (away**2).sum(dim=1).mean()


def graph_loss(units: Tensor, emotions: Tensor, truth: MicroTruth) -> Tensor:
    """§3.3: 0.7 · binary cross-entropy of the known units + 0.3 · cross-entropy of the emotions."""
    known = torch.isfinite(truth.units)
    each = F.binary_cross_entropy_with_logits(units, torch.nan_to_num(truth.units), reduction="none")
    au = (each * known).sum() / known.sum().clamp(min=1)
    return UNIT_SHARE * au + (1 - UNIT_SHARE) * F.cross_entropy(emotions, truth.emotions)


def micro_loss(answer: MicroAnswer, truth: MicroTruth) -> Tensor:
    """L_seg, plus L_graph where there is a graph ("end-to-end training combines losses", §3.1)."""
    loss = segment_loss(answer.emotions, answer.span, truth)
    return loss if answer.units is None else loss + graph_loss(answer.units, answer.emotions, truth)


def tiny(spec: MicroSpec) -> MicroSpec:
    """The same with a few channels, for trials on small data."""
    return replace(spec, widths=(4, 4, 8, 8, 16), layers=(16, 12), pooled_stem=True)
