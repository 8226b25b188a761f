"""PF-ViT, the poker face vision transformer (Li et al. 2023, arXiv 2207.11081; seed 003 §3.2).

Encoder (a plain ViT), separator (emotion and a residual orthogonal to it), generator (pictures from tokens: with the
emotion the face itself, without it the poker face), discriminator, classifier on the emotion. Published: ViT-B/16,
224 px, first trained as a masked autoencoder on unlabelled faces; RAF-DB 92.07 %, AffectNet-7 67.23 %, AffectNet-8
64.10 %, FERPlus 91.16 %; a tiny ViT of 5 M parameters is said to come close.

The seed gives no equations. As read here: cross-entropy + |rebuilt − face| + cos² of emotion and residual + the
discriminator's loss on the poker face, whose gradient is turned round for the generator (Ganin & Lempitsky 2015) + the
poker face's own cross-entropy with the class "neutral".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mien.lab.models.blocks.attention import AttentionSpec, Tokens, TransformerBlock
from mien.lab.models.blocks.convolution import ConvBnAct, ConvSpec
from mien.lab.models.expression.answer import ExpressionAnswer, ExpressionNetwork, ExpressionTargets, Judgement


@dataclass(frozen=True, slots=True)
class LossWeights:
    """Weights of the losses beside the cross-entropy."""

    rebuilt: float = 1.0
    orthogonal: float = 0.1
    adversarial: float = 0.05
    neutral: float = 0.1


@dataclass(frozen=True, slots=True)
class PokerFaceSpec:
    """Size of a network.

    Attributes:
        size_px, patch: side of the picture and of a patch, px.
        width, depth, heads: of the encoder; the default is ViT-B/16.
        generator_width, generator_depth: of the generator.
        discriminator: channels of its first convolution.
        weights: of the losses.
        neutral: number of the class "neutral".
        classes: expressions.
    """

    size_px: int = 224
    patch: int = 16
    width: int = 768
    depth: int = 12
    heads: int = 12
    generator_width: int = 512
    generator_depth: int = 4
    discriminator: int = 32
    weights: LossWeights = field(default_factory=LossWeights)
    neutral: int = 0
    classes: int = 7


class Generator(nn.Module):
    """(B, N, D) tokens of patches → (B, 3, S, S) picture."""

    def __init__(self, spec: PokerFaceSpec) -> None:
        super().__init__()
        width, self.side = spec.generator_width, spec.size_px // spec.patch
        self.patch = spec.patch
        self.into = nn.Linear(spec.width, width)
        self.places = nn.Parameter(torch.zeros(1, self.side**2, width))
        nn.init.trunc_normal_(self.places, std=0.02)
        self.blocks = nn.Sequential(*(TransformerBlock(AttentionSpec(width)) for _ in range(spec.generator_depth)))
        self.out = nn.Sequential(nn.LayerNorm(width, eps=1e-6), nn.Linear(width, 3 * spec.patch**2))

    def forward(self, tokens: Tensor) -> Tensor:
        """See the class."""
        patches = self.out(self.blocks(self.into(tokens) + self.places)).transpose(1, 2)
        return F.pixel_shuffle(patches.unflatten(2, (self.side, self.side)), self.patch)


class PokerFace(ExpressionNetwork):
    """(B, 3, S, S) normalised RGB → `ExpressionAnswer`; extra "image", "tokens_emotion", "tokens_residual" (B, N,
    D)."""

    def __init__(self, spec: PokerFaceSpec) -> None:
        super().__init__(spec.classes)
        self.spec = spec
        cells = (spec.size_px // spec.patch) ** 2
        self.tokens = Tokens(3, spec.width, cells, spec.patch)
        blocks = [TransformerBlock(AttentionSpec(spec.width, spec.heads)) for _ in range(spec.depth)]
        self.encoder = nn.Sequential(*blocks, nn.LayerNorm(spec.width, eps=1e-6))
        self.separator = nn.Linear(spec.width, 2 * spec.width)
        self.classifier = nn.Linear(spec.width, spec.classes)
        self.generator = Generator(spec)
        d = spec.discriminator
        self.discriminator = nn.Sequential(
            nn.Conv2d(3, d, 4, 2, 1),
            nn.LeakyReLU(0.2),
            ConvBnAct(d, 2 * d, ConvSpec(3, 2)),
            ConvBnAct(2 * d, 4 * d, ConvSpec(3, 2)),
            nn.Conv2d(4 * d, 1, 1),
        )

    def forward(self, image: Tensor) -> ExpressionAnswer:
        """See the class."""
        emotion, residual = self.separator(self.encoder(self.tokens(image))).chunk(2, dim=-1)
        features = emotion[:, 0]
        extra = {"image": image, "tokens_emotion": emotion[:, 1:], "tokens_residual": residual[:, 1:]}
        return ExpressionAnswer(self.classifier(features), features, extra)

    def poker_face(self, answer: ExpressionAnswer) -> Tensor:
        """(B, 3, S, S) the face without its emotion."""
        out: Tensor = self.generator(answer.extra["tokens_residual"])
        return out

    def rebuilt(self, answer: ExpressionAnswer) -> Tensor:
        """(B, 3, S, S) the face put together again."""
        out: Tensor = self.generator(answer.extra["tokens_residual"] + answer.extra["tokens_emotion"])
        return out

    def pictures(self, answer: ExpressionAnswer) -> Mapping[str, Tensor]:
        """The face put together again, and the poker face."""
        return {"put together again": self.rebuilt(answer), "poker face": self.poker_face(answer)}

    def judge(self, answer: ExpressionAnswer, targets: ExpressionTargets) -> Judgement:
        """See the module."""
        w, image = self.spec.weights, answer.extra["image"]
        poker = self.poker_face(answer)
        neutral = torch.full((len(image),), self.spec.neutral, device=image.device)
        cosine = F.cosine_similarity(answer.extra["tokens_emotion"], answer.extra["tokens_residual"], dim=-1)
        parts = {
            "cross_entropy": self.cross_entropy(answer.logits, targets.probabilities),
            "rebuilt": w.rebuilt * (self.rebuilt(answer) - image).abs().mean(),
            "orthogonal": w.orthogonal * cosine.square().mean(),
            "adversarial": w.adversarial * self._told_apart(image, poker),
            "neutral": w.neutral * F.cross_entropy(self(poker).logits.float(), neutral),
        }
        return Judgement(torch.stack(list(parts.values())).sum(), {k: float(v.detach()) for k, v in parts.items()})

    def _told_apart(self, image: Tensor, poker: Tensor) -> Tensor:
        real, made = self.discriminator(image), self.discriminator(_Turned.apply(poker))  # type: ignore[no-untyped-call]
        one, none = torch.ones_like(real), torch.zeros_like(made)
        return F.binary_cross_entropy_with_logits(real, one) + F.binary_cross_entropy_with_logits(made, none)


class _Turned(torch.autograd.Function):
    """The same forwards, the gradient with the other sign backwards."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradient: Tensor) -> Tensor:
        return -gradient[0]
