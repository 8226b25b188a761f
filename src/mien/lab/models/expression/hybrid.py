"""HMTL, hybrid multi-task learning (Pourmirzaei, Montazer, Esmaili 2021, arXiv 2105.06421; seed 003 §3.4).

Beside the classes the encoder learns from pictures alone: of a copy whose tiles are shuffled (puzzle) or partly wiped
out (inpainting) a decoder restores the original. Only the encoder and the classifier are kept. Published: AffectNet-8
61.72 % from random weights. The encoder here has the stages of EfficientNet-B0 (Tan & Le 2019), which the paper uses;
how much the auxiliary losses weigh, and their perceptual part, are not in the seed: |difference| with weight ½ each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mien.lab.models.blocks.convolution import ConvBnAct, ConvSpec, InvertedResidual, InvertedSpec
from mien.lab.models.expression.answer import ExpressionAnswer, ExpressionNetwork, ExpressionTargets, Judgement


@dataclass(frozen=True, slots=True)
class HybridSpec:
    """Size of a network.

    Attributes:
        stem: channels of the first convolution (step 2).
        stages: (expansion, outputs, count, stride, kernel) in turn; EfficientNet-B0's.
        last: channels before the classifier.
        tiles: a side of the puzzle.
        wiped: share of the tiles that inpainting wipes out.
        puzzle, inpainting: weights of the auxiliary losses; 0 = not taught.
        classes: expressions.
    """

    stem: int = 32
    stages: tuple[tuple[int, int, int, int, int], ...] = (
        (1, 16, 1, 1, 3),
        (6, 24, 2, 2, 3),
        (6, 40, 2, 2, 5),
        (6, 80, 3, 2, 3),
        (6, 112, 3, 1, 5),
        (6, 192, 4, 2, 5),
        (6, 320, 1, 1, 3),
    )
    last: int = 1280
    tiles: int = 4
    wiped: float = 0.25
    puzzle: float = 0.5
    inpainting: float = 0.5
    classes: int = 7


class Hybrid(ExpressionNetwork):
    """(B, 3, S, S) normalised RGB → `ExpressionAnswer`; S divisible by the encoder's step and by the tiles."""

    def __init__(self, spec: HybridSpec) -> None:
        super().__init__(spec.classes)
        self.spec = spec
        layers: list[nn.Module] = [ConvBnAct(3, spec.stem, ConvSpec(3, 2, act="hard_swish"))]
        width, step = spec.stem, 2
        for expansion, outputs, count, stride, kernel in spec.stages:
            for i in range(count):
                how = InvertedSpec(width * expansion, outputs, stride if i == 0 else 1, True, "hard_swish", kernel)
                layers.append(InvertedResidual(width, how))
                width = outputs
            step *= stride
        self.encoder = nn.Sequential(*layers)
        self.mix = ConvBnAct(width, spec.last, ConvSpec(1, act="hard_swish"))
        self.classifier = nn.Linear(spec.last, spec.classes)
        up: list[nn.Module] = []
        while step > 1:
            narrower = max(8, width // 2)
            up += [ConvBnAct(width, 4 * narrower), nn.PixelShuffle(2)]
            width, step = narrower, step // 2
        self.decoder = nn.Sequential(*up, nn.Conv2d(width, 3, 3, padding=1))

    def forward(self, image: Tensor) -> ExpressionAnswer:
        """See the class."""
        features = self.mix(self.encoder(image)).mean(dim=(2, 3))
        return ExpressionAnswer(self.classifier(features), features, {"image": image})

    def judge(self, answer: ExpressionAnswer, targets: ExpressionTargets) -> Judgement:
        """Cross-entropy, and what the decoder makes of a shuffled and of a wiped copy."""
        s, image = self.spec, answer.extra["image"]
        parts = {"cross_entropy": self.cross_entropy(answer.logits, targets.probabilities)}
        for name, weight, spoilt in (("puzzle", s.puzzle, self._shuffled), ("inpainting", s.inpainting, self._wiped)):
            if weight:
                restored = self.decoder(self.encoder(spoilt(image)))
                parts[name] = weight * (restored - image).abs().mean()
        return Judgement(torch.stack(list(parts.values())).sum(), {k: float(v.detach()) for k, v in parts.items()})

    def pictures(self, answer: ExpressionAnswer) -> Mapping[str, Tensor]:
        """The puzzle and the wiped copy of the input, and what the decoder makes of each."""
        out: dict[str, Tensor] = {}
        for name, spoilt in (("puzzle", self._shuffled), ("wiped", self._wiped)):
            out[name] = spoilt(answer.extra["image"])
            out[f"{name}, restored"] = self.decoder(self.encoder(out[name]))
        return out

    def _shuffled(self, image: Tensor) -> Tensor:
        side = image.shape[-1] // self.spec.tiles
        tiles = F.unfold(image, side, stride=side)
        order = torch.rand(len(image), tiles.shape[2], device=image.device).argsort(dim=1)
        moved = tiles.gather(2, order[:, None].expand(-1, tiles.shape[1], -1))
        return F.fold(moved, image.shape[-2:], side, stride=side)

    def _wiped(self, image: Tensor) -> Tensor:
        tiles = self.spec.tiles
        kept = torch.rand(len(image), 1, tiles, tiles, device=image.device) >= self.spec.wiped
        return image * F.interpolate(kept.to(image.dtype), size=image.shape[-2:], mode="nearest")
