"""AVER, audio-visual emotion recognition (Schoneveld, Othmani, Abdelkawy 2021, arXiv 2103.09154; seed 003 §3.5).

A network embeds the face of each frame, a VGGish network (Hershey et al. 2017) the sound around it; both embeddings are
put side by side and a recurrent network follows them through time, to valence and arousal (RECOLA) and to a class.
Published: AffectNet-8 61.6 %, AffectNet-7 65.4 % for the visual embedding. Widths of the fusion are not in the seed;
the visual network here is a ResNet of the shared blocks.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from mien.lab.models.blocks.convolution import ConvBnAct, ConvSpec
from mien.lab.models.blocks.stages import Backbone, BackboneSpec
from mien.lab.models.expression.answer import ExpressionAnswer, ExpressionNetwork, ExpressionTargets, Judgement
from mien.lab.models.expression.multi_task import ccc_loss


@dataclass(frozen=True, slots=True)
class AudioSpec:
    """VGGish: (channels, convolutions) of its stages, each followed by a pooling, then two dense layers and 128
    features."""

    stages: tuple[tuple[int, int], ...] = ((64, 1), (128, 1), (256, 2), (512, 2))
    dense: int = 4096
    features: int = 128


@dataclass(frozen=True, slots=True)
class AudioVisualSpec:
    """Size of a network.

    Attributes:
        backbone: of the pictures.
        audio: of the sound.
        face_features: width of the face's embedding.
        hidden: of the recurrent network.
        layers: of it.
        affect: weight of 1 − CCC of valence and arousal.
        classes: expressions.
    """

    backbone: BackboneSpec = field(default_factory=lambda: BackboneSpec(excite=False))
    audio: AudioSpec = field(default_factory=AudioSpec)
    face_features: int = 512
    hidden: int = 256
    layers: int = 2
    affect: float = 1.0
    classes: int = 7


class Vggish(nn.Module):
    """(B, 1, 96, 64) log-mel patches of 0.96 s → (B, features)."""

    def __init__(self, spec: AudioSpec) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 1
        for width, count in spec.stages:
            for _ in range(count):
                layers.append(ConvBnAct(before, width, ConvSpec(3, normalised=False)))
                before = width
            layers.append(nn.MaxPool2d(2))
        cells = (96 >> len(spec.stages)) * (64 >> len(spec.stages))
        self.body = nn.Sequential(*layers, nn.Flatten())
        self.dense = nn.Sequential(
            nn.Linear(before * cells, spec.dense),
            nn.ReLU(inplace=True),
            nn.Linear(spec.dense, spec.dense),
            nn.ReLU(inplace=True),
            nn.Linear(spec.dense, spec.features),
        )

    def forward(self, patches: Tensor) -> Tensor:
        """See the class."""
        out: Tensor = self.dense(self.body(patches))
        return out


class AudioVisual(ExpressionNetwork):
    """(B, T, 3, S, S) normalised RGB and (B, T, 1, 96, 64) log-mel → `ExpressionAnswer` of the clips.

    A third input (B,), 1 or 0, says which clips have sound: what is heard counts as 0 where they have none, which is
    not the same as silence. Extra "affect": (B, T, 2) valence and arousal of every moment, −1…1.
    """

    def __init__(self, spec: AudioVisualSpec) -> None:
        super().__init__(spec.classes)
        self.spec = spec
        self.backbone = Backbone(spec.backbone)
        self.face = nn.Linear(spec.backbone.widths[-1], spec.face_features)
        self.sound = Vggish(spec.audio)
        width = spec.face_features + spec.audio.features
        self.time = nn.GRU(width, spec.hidden, spec.layers, batch_first=True)
        self.affect = nn.Linear(spec.hidden, 2)
        self.classifier = nn.Linear(spec.hidden, spec.classes)

    def forward(self, image: Tensor, sound: Tensor | None = None, has_sound: Tensor | None = None) -> ExpressionAnswer:
        """See the class; without sound its part is 0, without `has_sound` all have it."""
        b, t = image.shape[:2]
        seen = self.face(self.backbone(image.flatten(0, 1))[-1].mean(dim=(2, 3)))
        silent = seen.new_zeros(b * t, self.spec.audio.features)
        heard = silent if sound is None else self.sound(sound.flatten(0, 1))
        if has_sound is not None:
            heard = heard * has_sound.repeat_interleave(t)[:, None]
        states, _ = self.time(torch.cat([seen, heard], dim=1).reshape(b, t, -1))
        features = states.mean(dim=1)
        return ExpressionAnswer(self.classifier(features), features, {"affect": torch.tanh(self.affect(states))})

    def judge(self, answer: ExpressionAnswer, targets: ExpressionTargets) -> Judgement:
        """Cross-entropy of the clip, and 1 − CCC of its mean valence and arousal where they are known."""
        parts = {"cross_entropy": self.cross_entropy(answer.logits, targets.probabilities)}
        if targets.valence_arousal is not None:
            found = answer.extra["affect"].float().mean(dim=1)
            parts["affect"] = self.spec.affect * ccc_loss(found, targets.valence_arousal)
        return Judgement(torch.stack(list(parts.values())).sum(), {k: float(v.detach()) for k, v in parts.items()})
