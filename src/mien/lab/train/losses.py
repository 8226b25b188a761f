"""Losses of landmark networks. Weights 0 = a point that is not known: whatever the network says there costs nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

MapLoss = Literal["mse", "adaptive_wing"]
PointLoss = Literal["laplace", "gaussian", "wing"]


@dataclass(frozen=True, slots=True, eq=False)
class PointTargets:
    """What a batch should have answered.

    Attributes:
        xy: (B, P, 2) crop px.
        visible: (B, P) 0–1; NaN = not known.
        weight: (B, P) ≥ 0.
    """

    xy: Tensor
    visible: Tensor
    weight: Tensor


def gaussian_maps(map_xy: Tensor, size: int, sigma_px: float) -> Tensor:
    """(B, P, 2) map px → (B, P, size, size): as `landmarks.heatmap.gaussian_targets`, but NaN is not allowed."""
    steps = torch.arange(size, device=map_xy.device, dtype=map_xy.dtype)
    near = torch.exp(-((steps - map_xy[..., None]) ** 2) / (2 * sigma_px**2))
    return near[:, :, 1, :, None] * near[:, :, 0, None, :]


def mse_maps(answer: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean squared error, the loss of HRNet's landmark code. (B, P, H, W) twice, (B, P) → scalar."""
    error = (answer - target).square().mean(dim=(2, 3))
    return (error * weight).sum() / weight.sum().clamp_min(1e-6)


def adaptive_wing_maps(answer: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Adaptive Wing loss with its weighted map (Wang et al. 2019: α 2.1, ω 14, ε 1, θ 0.5, W 10).

    Value and derivative are computed together: as single operations of autograd they took a third of a training step.
    """
    loss: Tensor = _AdaptiveWing.apply(answer, target, weight)  # type: ignore[no-untyped-call]
    return loss


class _AdaptiveWing(torch.autograd.Function):
    """Scalar loss of (B, P, H, W) maps; the derivative is known for the answer only."""

    @staticmethod
    def forward(ctx: Any, answer: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        alpha, omega, theta, more = 2.1, 14.0, 0.5, 10.0
        power = alpha - target
        # (θ / ε) ** (α − y) with θ / ε = ½.
        ratio = torch.exp2(target - alpha)
        slope = omega * power * ratio / (theta * (1 + ratio))
        difference = answer - target
        size = difference.abs().clamp_min_(1e-6)
        raised = torch.exp(power * torch.log(size))
        close = size < theta
        value = torch.where(close, omega * torch.log1p(raised), slope * (size - theta) + omega * torch.log1p(ratio))
        gradient = torch.where(close, omega * power * raised / (size * (1 + raised)), slope).mul_(difference.sign())
        scale = (weight / (weight.sum().clamp_min(1e-6) * answer[0, 0].numel()))[..., None, None]
        scale = scale * torch.where(_widened(target) > 0.2, 1 + more, 1.0)
        ctx.save_for_backward(gradient.mul_(scale))
        return value.mul_(scale).sum()

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * upstream[0], None, None


def _widened(maps: Tensor) -> Tensor:
    """The highest of each pixel's 3×3 neighbourhood."""
    out = maps.clone()
    for axis in (2, 3):
        before = out.clone()
        n = maps.shape[axis]
        for shift in (-1, 1):
            near, there = out.narrow(axis, max(shift, 0), n - 1), before.narrow(axis, max(-shift, 0), n - 1)
            torch.maximum(near, there, out=near)
    return out


def laplace_points(xy: Tensor, log_scale: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Negative log-likelihood of a Laplace distribution per axis: |e| / b + log 2b; coordinates 0–1 of the crop."""
    distance = (xy - target).abs().sum(dim=-1)
    loss = distance * torch.exp(-log_scale) + 2 * (log_scale + math.log(2))
    return (loss * weight).sum() / weight.sum().clamp_min(1e-6)


def gaussian_points(xy: Tensor, log_scale: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Negative log-likelihood of a round Gaussian: |e|² / 2σ² + 2 log σ + log 2π."""
    square = (xy - target).square().sum(dim=-1)
    loss = 0.5 * square * torch.exp(-2 * log_scale) + 2 * log_scale + math.log(2 * math.pi)
    return (loss * weight).sum() / weight.sum().clamp_min(1e-6)


def wing_points(xy: Tensor, target: Tensor, weight: Tensor, *, omega: float = 10.0, epsilon: float = 2.0) -> Tensor:
    """Wing loss (Feng et al. 2018) per coordinate; both in per cent of the crop's side."""
    error = 100 * (xy - target).abs()
    constant = omega - omega * math.log1p(omega / epsilon)
    loss = torch.where(error < omega, omega * torch.log1p(error / epsilon), error - constant).sum(dim=-1)
    return (loss * weight).sum() / weight.sum().clamp_min(1e-6)


def visibility(logits: Tensor, visible: Tensor) -> Tensor:
    """Cross-entropy over the points of which it is known whether they can be seen."""
    known = torch.isfinite(visible)
    loss = F.binary_cross_entropy_with_logits(logits, torch.where(known, visible, 0.5), reduction="none")
    return (loss * known).sum() / known.sum().clamp_min(1)
