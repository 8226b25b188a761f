"""Parameters and multiply-adds of a network, counted without computing anything."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from mien.lab.models.blocks.attention import CrossAttention
from mien.lab.models.blocks.deformable import DeformableConv
from mien.lab.models.expression.catalogue import NETWORKS, Entry


def parameters(net: nn.Module) -> int:
    """Learnt numbers."""
    return sum(p.numel() for p in net.parameters())


def multiply_adds(net: nn.Module, inputs: tuple[Tensor, ...]) -> int:
    """Multiply-adds of convolutions, dense layers and attention for one input, as they are usually counted.

    Args:
        net: may live on torch's "meta" device.
        inputs: batch of 1.
    """
    total = 0

    def convolution(module: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> None:
        nonlocal total
        assert isinstance(module, nn.Conv1d | nn.Conv2d | nn.ConvTranspose1d)
        places = given[0] if isinstance(module, nn.ConvTranspose1d) else out
        total += module.weight.numel() * places[0, 0].numel()

    def dense(module: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> None:
        nonlocal total
        assert isinstance(module, nn.Linear)
        total += module.weight.numel() * (out.numel() // out.shape[-1])

    def deformable(module: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> None:
        nonlocal total
        assert isinstance(module, DeformableConv)
        total += (module.weight.numel() + 4 * module.weight.shape[1]) * out[0, 0].numel()

    def attention(module: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> None:
        nonlocal total
        total += 2 * given[0].numel() * given[1].shape[-2]

    kinds = (
        ((nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d), convolution),
        (nn.Linear, dense),
        (DeformableConv, deformable),
        (CrossAttention, attention),
    )
    hooks = [m.register_forward_hook(f) for m in net.modules() for kind, f in kinds if isinstance(m, kind)]
    before = net.training
    net.eval()
    try:
        with torch.no_grad():
            net(*inputs)
    finally:
        net.train(before)
        for hook in hooks:
            hook.remove()
    return total


def published_size(one: Entry) -> tuple[int, int]:
    """(parameters, multiply-adds) of a network in its published size, with the classes that were counted there."""
    classes = one.published.classes if one.published is not None else one.spec.classes
    with torch.device("meta"):
        net = one.make(replace(one.spec, classes=classes))
        return parameters(net), multiply_adds(net, one.inputs(1, one.input_px))


def size_table() -> str:
    """A Markdown table of every network: size here, size as published, difference."""
    rows = [
        "| network | input | parameters, M | published | multiply-adds, M | published |",
        "|---|---|---|---|---|---|",
    ]
    for name, one in NETWORKS.items():
        count, work = published_size(one)
        told = one.published

        def beside(found: float, wanted: float | None) -> str:
            return "" if wanted is None else f"{wanted:g} ({100 * (found / wanted - 1):+.1f} %)"

        weights = beside(count / 1e6 + (told.unused if told else 0), told.parameters if told else None)
        sums = beside(work / 1e6, told.macs if told else None)
        rows.append(f"| {name} | {one.input_px} px | {count / 1e6:.2f} | {weights} | {work / 1e6:.0f} | {sums} |")
    return "\n".join(rows)
