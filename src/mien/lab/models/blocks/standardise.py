"""Pictures made alike before a network looks at them, inside the network, so that no caller can forget it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mien.runtime.pixels import STD_RGB

_LUMA = (0.299, 0.587, 0.114)
"""Rec. 601."""


class GreyStandardised(nn.Module):
    """(B, 3, H, W) normalised RGB (`runtime.pixels`) → (B, 1, H, W) luma of mean 0 and deviation 1 in each picture.

    Exposure and contrast of a picture no longer matter; a picture of one grey value becomes 0 everywhere.
    """

    weight: Tensor

    def __init__(self) -> None:
        super().__init__()
        weight = torch.tensor([a * b for a, b in zip(_LUMA, STD_RGB, strict=True)]) / 255
        self.register_buffer("weight", weight.reshape(1, 3, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """See the class."""
        grey = (image * self.weight).sum(dim=1, keepdim=True)
        centred = grey - grey.mean(dim=(2, 3), keepdim=True)
        deviation = centred.square().mean(dim=(2, 3), keepdim=True).sqrt()
        return centred / (deviation + 0.02)
