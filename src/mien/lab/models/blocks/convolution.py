"""Convolution, normalisation and activation as one block, and the blocks made of little more than that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from torch import Tensor, nn

Activation = Literal["relu", "prelu", "hard_swish", "none"]


def activation(name: Activation, channels: int) -> nn.Module:
    """An activation layer; "prelu" has one slope per channel, "none" passes everything."""
    makers: dict[str, Callable[[], nn.Module]] = {
        "relu": lambda: nn.ReLU(inplace=True),
        "prelu": lambda: nn.PReLU(channels),
        "hard_swish": lambda: nn.Hardswish(inplace=True),
        "none": nn.Identity,
    }
    return makers[name]()


@dataclass(frozen=True, slots=True)
class ConvSpec:
    """What a `ConvBnAct` may differ in.

    Attributes:
        kernel: side of the kernel.
        stride: step.
        padding: None = half the kernel ("same" at stride 1); 0 = only where the whole kernel fits.
        groups: as `nn.Conv2d`.
        act: what follows the normalisation.
        normalised: False = a bias instead of batch normalisation.
    """

    kernel: int = 3
    stride: int = 1
    padding: int | None = None
    groups: int = 1
    act: Activation = "relu"
    normalised: bool = True

    @property
    def pad(self) -> int:
        """The padding in pixels."""
        return self.kernel // 2 if self.padding is None else self.padding


POINTWISE = ConvSpec(kernel=1)


class ConvBnAct(nn.Sequential):
    """Convolution → batch normalisation → activation: (B, C_in, H, W) → (B, C_out, H', W')."""

    def __init__(self, inputs: int, outputs: int, spec: ConvSpec | None = None) -> None:
        s = spec or ConvSpec()
        conv = nn.Conv2d(inputs, outputs, s.kernel, s.stride, s.pad, groups=s.groups, bias=not s.normalised)
        super().__init__(conv, *_finish(outputs, s))


def _finish(channels: int, spec: ConvSpec) -> list[nn.Module]:
    norm: list[nn.Module] = [nn.BatchNorm2d(channels)] if spec.normalised else []
    return norm if spec.act == "none" else [*norm, activation(spec.act, channels)]


class Separable3x3(nn.Sequential):
    """A 3×3 convolution taken apart into 3×1 and 1×3 (seed 001, figure 4, structure 2): two thirds of its weights
    where inputs = outputs.

    Nothing stands between the two: together they are one convolution of rank 1.
    """

    def __init__(self, inputs: int, outputs: int, spec: ConvSpec | None = None) -> None:
        s = spec or ConvSpec()
        tall = nn.Conv2d(inputs, outputs, (3, 1), (s.stride, 1), (s.pad, 0), bias=False)
        wide = nn.Conv2d(outputs, outputs, (1, 3), (1, s.stride), (0, s.pad), bias=not s.normalised)
        super().__init__(tall, wide, *_finish(outputs, s))


class SqueezeExcite(nn.Module):
    """Channels weighted by what the whole picture holds (Hu et al. 2018; hard sigmoid as in MobileNetV3)."""

    def __init__(self, channels: int, reduction: int = 4) -> None:
        super().__init__()
        hidden = max(8, channels // reduction)
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, hidden, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, channels, 1),
            nn.Hardsigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → the same."""
        out: Tensor = x * self.gate(x)
        return out


@dataclass(frozen=True, slots=True)
class InvertedSpec:
    """One inverted residual: expanded width, output width, step, squeeze-and-excite, activation, kernel."""

    expanded: int
    outputs: int
    stride: int = 1
    excite: bool = False
    act: Activation = "relu"
    kernel: int = 3


class InvertedResidual(nn.Module):
    """1×1 wider → depth-wise → 1×1 narrower, added to the input where the shapes agree (Sandler et al. 2018)."""

    def __init__(self, inputs: int, spec: InvertedSpec) -> None:
        super().__init__()
        wide = spec.expanded
        depthwise = ConvSpec(spec.kernel, spec.stride, groups=wide, act=spec.act)
        layers: list[nn.Module] = [ConvBnAct(wide, wide, depthwise)]
        if wide != inputs:
            layers.insert(0, ConvBnAct(inputs, wide, replace(POINTWISE, act=spec.act)))
        if spec.excite:
            layers.append(SqueezeExcite(wide))
        layers.append(ConvBnAct(wide, spec.outputs, replace(POINTWISE, act="none")))
        self.body = nn.Sequential(*layers)
        self.added = spec.stride == 1 and inputs == spec.outputs

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) → (B, outputs, H / stride, W / stride)."""
        y: Tensor = self.body(x)
        return x + y if self.added else y
