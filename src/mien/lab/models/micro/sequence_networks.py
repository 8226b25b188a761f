"""Networks on clips: CNN + LSTM, MER-GCN, and MFEM + MFFM on ResNet-34 with a BiLSTM (seed 004 §4.2.2)."""

from __future__ import annotations

import numpy.typing as npt
import torch
from torch import Tensor, nn

from mien.lab.models.blocks.attention import ChannelGate, SpatialGate
from mien.lab.models.blocks.convolution import ConvBnAct, ConvSpec
from mien.lab.models.blocks.graph import GraphConvs
from mien.lab.models.blocks.residual import BasicBlock
from mien.lab.models.blocks.spatiotemporal import BasicBlock3d, Conv3dBnAct, LastOfSequence


class CnnLstm(nn.Module):
    """(B, T, C, S, S) → (B, classes): features of every frame, then a long short-term memory (Fan et al., ICMI
    2016).
    """

    def __init__(self, channels: int, classes: int, width: int = 32, hidden: int = 64) -> None:
        super().__init__()
        self.frame = nn.Sequential(
            ConvBnAct(channels, width, ConvSpec(5, 2)),
            ConvBnAct(width, 2 * width, ConvSpec(3, 2)),
            ConvBnAct(2 * width, 2 * width, ConvSpec(3, 2)),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.memory = LastOfSequence(2 * width, hidden)
        self.head = nn.Linear(hidden, classes)

    def forward(self, clip: Tensor) -> Tensor:
        """See the class."""
        features = self.frame(clip.flatten(0, 1)).reshape(*clip.shape[:2], -1)
        out: Tensor = self.head(self.memory(features))
        return out


class MerGcn(nn.Module):
    """(B, C, T, S, S) → (B, classes) and (B, N) unit logits (Lo et al., MIPR 2020).

    A 3-D network gives the clip's feature; a graph convolution over one-hot units with links P(U_i | U_j) gives a row
    per unit; their products are the units, which together with the feature tell the class. (Its dimensions are not
    published in what was at hand.)
    """

    def __init__(self, channels: int, classes: int, adjacency: npt.ArrayLike, width: int = 16) -> None:
        super().__init__()
        self.clip = nn.Sequential(
            Conv3dBnAct(channels, width, (3, 5, 5), (1, 2, 2)),
            BasicBlock3d(width, 2 * width, 2),
            BasicBlock3d(2 * width, 4 * width, 2),
        )
        links = torch.as_tensor(adjacency, dtype=torch.float32)
        n = len(links)
        self.graph = GraphConvs((n, 2 * width, 4 * width), links.numpy())
        self.register_buffer("nodes", torch.eye(n)[None])
        self.head = nn.Linear(n + 4 * width, classes)

    nodes: Tensor

    def forward(self, clip: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        feature = self.clip(clip).mean(dim=(2, 3, 4))
        units = feature @ self.graph(self.nodes)[0].T
        return self.head(torch.cat([units.sigmoid(), feature], dim=1)), units


class Mfem(nn.Module):
    """Multi-region feature extraction (seed 004, figure 7): spatial attention and two channel attentions side by side.

    (B, C, H, W) → the same. Parallel, so that no gate sees what another has dimmed; their sum is added to the input.
    The two channel attentions differ in their reduction (a choice: the text does not say in what they differ).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gates = nn.ModuleList([SpatialGate(), ChannelGate(channels, 16), ChannelGate(channels, 4)])

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return x + torch.stack([gate(x) for gate in self.gates]).mean(dim=0)


class Mffm(nn.Module):
    """Multi-layer feature fusion: features of L levels → (B, width).

    Feature interaction (FIM): each level, brought to one width, is weighed by gates that see all levels.
    """

    def __init__(self, widths: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.narrow = nn.ModuleList(nn.Linear(w, width) for w in widths)
        self.gates = nn.ModuleList(nn.Linear(width * len(widths), width) for _ in widths)

    def forward(self, levels: list[Tensor]) -> Tensor:
        """See the class."""
        same = [torch.relu(layer(x)) for layer, x in zip(self.narrow, levels, strict=True)]
        all_of_them = torch.cat(same, dim=1)
        return torch.stack([x * torch.sigmoid(g(all_of_them)) for x, g in zip(same, self.gates, strict=True)]).sum(0)


class MultiRegionBiLstm(nn.Module):
    """(B, T, C, S, S) → (B, classes): ResNet-34 with an `Mfem` behind each stage but the first, `Mffm`, BiLSTM.

    `stem` 64 and `blocks` (3, 4, 6, 3) are ResNet-34. S divisible by 32.
    """

    def __init__(
        self, channels: int, classes: int, stem: int = 64, blocks: tuple[int, ...] = (3, 4, 6, 3), hidden: int = 256
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(ConvBnAct(channels, stem, ConvSpec(7, 2)), nn.MaxPool2d(3, 2, 1))
        widths = tuple(stem * 2**i for i in range(len(blocks)))
        stages, before = [], stem
        for i, (width, count) in enumerate(zip(widths, blocks, strict=True)):
            layers: list[nn.Module] = [BasicBlock(before, width, 1 if i == 0 else 2)]
            layers += [BasicBlock(width, width) for _ in range(count - 1)]
            stages.append(nn.Sequential(*layers, Mfem(width)))
            before = width
        self.stages = nn.ModuleList(stages)
        self.fuse = Mffm(widths, hidden)
        self.memory = LastOfSequence(hidden, hidden, both=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, clip: Tensor) -> Tensor:
        """See the class."""
        x = self.stem(clip.flatten(0, 1))
        levels = []
        for stage in self.stages:
            x = stage(x)
            levels.append(x.mean(dim=(2, 3)))
        course = self.fuse(levels).reshape(*clip.shape[:2], -1)
        out: Tensor = self.head(self.memory(course))
        return out
