"""What the networks of recipes/expression-short.toml cost: size, a training step and one face, in processor time.

    python benchmarks/expression_short.py

Processor time of one thread (`time.thread_time`), so that other work on the machine counts little; noise for pictures.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from mien.lab.models.expression.answer import ExpressionTargets
from mien.lab.models.expression.catalogue import make
from mien.lab.models.expression.size import multiply_adds, parameters
from mien.lab.train.expression_plan import Request, plan_of
from mien.lab.train.recipe import read_recipe

RECIPE = Path(__file__).resolve().parents[1] / "recipes" / "expression-short.toml"


def seconds_of(step: Callable[[], object], repeats: int) -> float:
    """Median processor time of a call, after two to warm up."""
    times = []
    for _ in range(repeats + 2):
        began = time.thread_time()
        step()
        times.append(time.thread_time() - began)
    return statistics.median(times[2:])


def main() -> None:
    """Print a line for each network."""
    torch.set_num_threads(1)
    for name in read_recipe(RECIPE)["models"]:
        plan = plan_of(Request(("fer2013:x",), Path("run"), recipe=RECIPE, model=name))
        net, px, batch = make(plan.model, 7), plan.task.input_px, plan.schedule.batch
        x, rows = torch.randn(batch, 3, px, px), torch.eye(7)[torch.arange(batch) % 7]
        optimizer = plan.schedule.optimizer(net)

        def step(
            net: nn.Module = net,
            x: torch.Tensor = x,
            rows: torch.Tensor = rows,
            optimizer: torch.optim.Optimizer = optimizer,
        ) -> None:
            optimizer.zero_grad()
            net.judge(net(x), ExpressionTargets(rows)).total.backward()
            optimizer.step()

        taught = seconds_of(step, 12)
        net.eval()
        with torch.inference_mode():
            one = seconds_of(lambda net=net, x=x: net(x[:1]), 30)
        size = f"{parameters(net) / 1e6:.2f} M parameters, {multiply_adds(net, (x[:1],)) / 1e6:.0f} M multiply-adds"
        steps = plan.schedule.steps
        cost = f"{taught * 1e3:.0f} ms a step of {batch}: {taught * steps:.0f} s for {steps} steps"
        print(f"{name}: {size}, {cost}; {one * 1e3:.1f} ms a face")


if __name__ == "__main__":
    main()
