"""Blocks over time and space: 3-D convolutions, residual blocks of two of them, memory over a sequence."""

from __future__ import annotations

import torch
from torch import Tensor, nn

Triple = tuple[int, int, int]


class Conv3dBnAct(nn.Sequential):
    """Convolution → batch normalisation → ReLU (or none): (B, C_in, T, H, W) → (B, C_out, T', H', W')."""

    def __init__(
        self, inputs: int, outputs: int, kernel: Triple = (3, 3, 3), stride: Triple = (1, 1, 1), *, act: bool = True
    ) -> None:
        pad = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
        layers: list[nn.Module] = [
            nn.Conv3d(inputs, outputs, kernel, stride, pad, bias=False),
            nn.BatchNorm3d(outputs),
        ]
        super().__init__(*layers, *([nn.ReLU(inplace=True)] if act else []))


class BasicBlock3d(nn.Module):
    """relu(two 3×3×3 convolutions + short cut); `stride` in time and space of the first one."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        step = (stride, stride, stride)
        self.body = nn.Sequential(Conv3dBnAct(inputs, outputs, stride=step), Conv3dBnAct(outputs, outputs, act=False))
        same = inputs == outputs and stride == 1
        self.short = nn.Identity() if same else Conv3dBnAct(inputs, outputs, (1, 1, 1), step, act=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, T, H, W) → (B, outputs, T / stride, H / stride, W / stride)."""
        return torch.relu(self.body(x) + self.short(x))


class LastOfSequence(nn.Module):
    """(B, T, F) → (B, outputs): what a long short-term memory holds at the end, from both ends if `both`."""

    def __init__(self, inputs: int, outputs: int, *, both: bool = False) -> None:
        super().__init__()
        self.memory = nn.LSTM(inputs, outputs // 2 if both else outputs, batch_first=True, bidirectional=both)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        _, (last, _) = self.memory(x)
        out: Tensor = last.transpose(0, 1).reshape(len(x), -1)
        return out
