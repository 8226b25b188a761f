"""PSR, pyramid with super-resolution (Vo et al. 2020, IEEE Access; seed 003 §3.6).

A spatial transformer straightens the face; the picture goes through a classifier of its own at half, at whole and,
raised by a super-resolution network, at double size; the answers are fused late by learnt weights. Prior distribution
label smoothing: the smoothed part of a label goes to the classes it is usually confused with. Published: RAF-DB 88.98
%, AffectNet-8 60.68 %, FERPlus 89.75 %; VGG-16 in each branch. The seed gives no more: sizes of the straightening and
of the raising network are ours (EDSR blocks, Lim et al. 2017, without normalisation).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mien.errors import ConfigError
from mien.lab.models.blocks.convolution import ConvBnAct, ConvSpec
from mien.lab.models.expression.answer import ExpressionAnswer, ExpressionNetwork, ExpressionTargets, Judgement

_VGG16 = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))


@dataclass(frozen=True, slots=True)
class PyramidSpec:
    """Size of a network.

    Attributes:
        stages: (channels, convolutions) of a branch, each followed by a pooling; VGG-16's.
        hidden: features of a branch.
        raised: channels of the super-resolution network.
        raised_blocks: its residual blocks.
        prior: share of a label that is spread over the classes it is confused with.
        confusions: (C, C) how often each class (row) was taken for each other one, in the order of the classes, e.g.
            of an earlier run on the faces it held out; empty = all others alike.
        classes: expressions.
    """

    stages: tuple[tuple[int, int], ...] = _VGG16
    hidden: int = 256
    raised: int = 32
    raised_blocks: int = 4
    prior: float = 0.1
    confusions: tuple[tuple[float, ...], ...] = ()
    classes: int = 7


class Straighten(nn.Module):
    """Spatial transformer (Jaderberg et al. 2015): an affine change read from the picture; it starts as none."""

    def __init__(self) -> None:
        super().__init__()
        self.look = nn.Sequential(
            ConvBnAct(3, 8, ConvSpec(5, 2)), ConvBnAct(8, 16, ConvSpec(3, 2)), nn.AdaptiveAvgPool2d(4), nn.Flatten()
        )
        self.change = nn.Linear(256, 6)
        nn.init.zeros_(self.change.weight)
        with torch.no_grad():
            self.change.bias.copy_(torch.tensor([1.0, 0, 0, 0, 1, 0]))

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) → the same."""
        b, _, h, w = image.shape
        change = self.change(self.look(image)).reshape(b, 2, 3).float()
        rows = (2 * torch.arange(h, device=image.device, dtype=torch.float32) + 1) / h - 1
        columns = (2 * torch.arange(w, device=image.device, dtype=torch.float32) + 1) / w - 1
        places = torch.stack(
            [columns.expand(h, w), rows[:, None].expand(h, w), torch.ones(h, w, device=image.device)], dim=-1
        )
        grid = (places.reshape(1, h * w, 3) @ change.transpose(1, 2)).reshape(b, h, w, 2)
        return F.grid_sample(image.float(), grid, mode="bilinear", padding_mode="border", align_corners=False)


class Raise(nn.Module):
    """Twice the size: residual blocks without normalisation, pixel shuffle, added to a bilinear enlargement."""

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        plain, bare = ConvSpec(3, normalised=False), ConvSpec(3, normalised=False, act="none")
        self.first = ConvBnAct(3, width, bare)
        self.blocks = nn.ModuleList(
            nn.Sequential(ConvBnAct(width, width, plain), ConvBnAct(width, width, bare)) for _ in range(blocks)
        )
        last = nn.Conv2d(width, 12, 3, padding=1)
        nn.init.zeros_(last.weight)
        assert last.bias is not None
        nn.init.zeros_(last.bias)
        self.last = nn.Sequential(last, nn.PixelShuffle(2))

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) → (B, 3, 2 H, 2 W)."""
        y = self.first(image)
        for block in self.blocks:
            y = y + 0.1 * block(y)
        larger = F.interpolate(image, scale_factor=2.0, mode="bilinear", align_corners=False)
        out: Tensor = larger + self.last(y)
        return out


class VggBranch(nn.Module):
    """(B, 3, S, S) → (B, hidden): convolutions as in VGG-16 (with normalisation), averaged, one dense layer."""

    def __init__(self, spec: PyramidSpec) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for width, count in spec.stages:
            for _ in range(count):
                layers.append(ConvBnAct(before, width))
                before = width
            layers.append(nn.MaxPool2d(2))
        self.body = nn.Sequential(*layers)
        self.hidden = nn.Sequential(nn.Linear(before, spec.hidden), nn.ReLU(inplace=True))

    def forward(self, image: Tensor) -> Tensor:
        """S divisible by 2 to the number of stages."""
        out: Tensor = self.hidden(self.body(image).mean(dim=(2, 3)))
        return out


class Pyramid(ExpressionNetwork):
    """(B, 3, S, S) normalised RGB → `ExpressionAnswer`; S / 2 must bear the branch's poolings."""

    prior: Tensor

    def __init__(self, spec: PyramidSpec) -> None:
        super().__init__(spec.classes)
        self.spec = spec
        self.straighten = Straighten()
        self.larger = Raise(spec.raised, spec.raised_blocks)
        self.branches = nn.ModuleList(VggBranch(spec) for _ in range(3))
        self.classifiers = nn.ModuleList(nn.Linear(spec.hidden, spec.classes) for _ in range(3))
        self.fusion = nn.Parameter(torch.zeros(3))
        others = (1 - torch.eye(spec.classes)) / (spec.classes - 1)
        self.register_buffer("prior", others)
        if spec.confusions:
            self.set_prior(torch.tensor(spec.confusions))

    def set_prior(self, confusion: Tensor) -> None:
        """Take the classes' usual confusions: (C, C) counts, row = true class; the diagonal is left out.

        Raises:
            ConfigError: not one row and column for each class.
        """
        if confusion.shape != self.prior.shape:
            raise ConfigError(f"confusions: expected {len(self.prior)} rows of {len(self.prior)} numbers")
        others = (confusion.float() + 1e-3) * (1 - torch.eye(len(confusion)))
        self.prior.copy_(others / others.sum(dim=1, keepdim=True))

    def forward(self, image: Tensor) -> ExpressionAnswer:
        """See the class."""
        whole = self.straighten(image)
        raised = self.larger(whole)
        pictures = (F.avg_pool2d(whole, 2), whole, raised)
        features = [branch(picture) for branch, picture in zip(self.branches, pictures, strict=True)]
        logits = torch.stack([layer(f) for layer, f in zip(self.classifiers, features, strict=True)], dim=1)
        fused = (logits * self.fusion.softmax(dim=0)[:, None]).sum(dim=1)
        return ExpressionAnswer(fused, torch.cat(features, dim=1), {"raised": raised})

    def pictures(self, answer: ExpressionAnswer) -> Mapping[str, Tensor]:
        """What the super-resolution makes of the straightened face."""
        return {"straightened and raised": answer.extra["raised"]}

    def judge(self, answer: ExpressionAnswer, targets: ExpressionTargets) -> Judgement:
        """Cross-entropy with labels smoothed towards the usual confusions."""
        own = targets.probabilities
        loss = self.cross_entropy(answer.logits, (1 - self.spec.prior) * own + self.spec.prior * own @ self.prior)
        return Judgement(loss, {"cross_entropy": float(loss.detach())})
