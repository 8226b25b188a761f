"""MTCNN as published (Zhang et al. 2016; the layers of the Caffe release): the baseline of the detection cascade.

Valid convolutions with biases, PReLU after each, pooling in ceil mode, no normalisation, two logits for "no face" and
"face". Parameters: P 6,632, R 100,178, O 389,040 (without points in P and R).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from mien.lab.models.answers import WindowAnswer
from mien.lab.models.blocks.convolution import ConvBnAct, ConvSpec
from mien.lab.models.blocks.heads import WindowHeads

ClassicStage = Literal["p", "r", "o"]


class ClassicMtcnn(nn.Module):
    """P-Net: (B, 3, H, W) → (B, C, h, w), window 12, step 2. R-Net (B, 3, 24, 24), O-Net (B, 3, 48, 48) → (B, C)."""

    def __init__(self, stage: ClassicStage) -> None:
        super().__init__()
        if stage == "p":
            layers = [_conv(3, 10), _pool(2), _conv(10, 16), _conv(16, 32)]
            self.heads = WindowHeads(32, points=False, two_way=True, everywhere=True)
        elif stage == "r":
            layers = [_conv(3, 28), _pool(3), _conv(28, 48), _pool(3), _conv(48, 64, 2), *_dense(576, 128)]
            self.heads = WindowHeads(128, points=False, two_way=True)
        else:
            layers = [_conv(3, 32), _pool(3), _conv(32, 64), _pool(3), _conv(64, 64), _pool(2), _conv(64, 128, 2)]
            layers += _dense(1152, 256)
            self.heads = WindowHeads(256, points=True, two_way=True)
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> WindowAnswer:
        """See the class."""
        answer: WindowAnswer = self.heads(self.layers(x))
        return answer


def _conv(inputs: int, outputs: int, kernel: int = 3) -> nn.Module:
    return ConvBnAct(inputs, outputs, ConvSpec(kernel, padding=0, act="prelu", normalised=False))


def _pool(kernel: int) -> nn.Module:
    return nn.MaxPool2d(kernel, 2, ceil_mode=True)


def _dense(inputs: int, outputs: int) -> Sequence[nn.Module]:
    return nn.Flatten(), nn.Linear(inputs, outputs), nn.PReLU(outputs)
