"""Losses: least at the truth, blind to unknown points, equal to their formulas."""

import math

import numpy as np
import pytest
import torch

from mien.lab.train.losses import (
    adaptive_wing_maps,
    gaussian_maps,
    gaussian_points,
    laplace_points,
    mse_maps,
    visibility,
    wing_points,
)
from mien.landmarks.heatmap import gaussian_targets


def test_maps_are_those_of_the_runtime() -> None:
    xy = torch.rand(2, 5, 2) * 15
    assert np.allclose(gaussian_maps(xy, 16, 1.2).numpy(), gaussian_targets(xy.numpy(), (16, 16), 1.2), atol=1e-6)


@pytest.mark.parametrize("loss", [mse_maps, adaptive_wing_maps])
def test_map_losses_are_least_at_the_truth_and_blind_to_unknown_points(loss) -> None:
    torch.manual_seed(0)
    target = gaussian_maps(torch.rand(2, 4, 2) * 12, 16, 1.0)
    weight = torch.tensor([[1.0, 1, 0, 1], [1, 0, 1, 1]])
    assert float(loss(target, target, weight)) < 1e-2
    wrong = target.clone()
    wrong[0, 2] += 3
    assert float(loss(wrong, target, weight)) == pytest.approx(float(loss(target, target, weight)))
    wrong[0, 0] += 0.3
    assert float(loss(wrong, target, weight)) > 0.01
    answer = torch.zeros_like(target, requires_grad=True)
    loss(answer, target, weight).backward()
    assert torch.isfinite(answer.grad).all()


def test_adaptive_wing_is_smooth_where_its_parts_meet() -> None:
    def at(difference: float, y: float) -> float:
        target = torch.full((1, 1, 1, 1), y)
        return float(adaptive_wing_maps(target + difference, target, torch.ones(1, 1)))

    for y in (0.0, 0.1, 0.9):
        weight = 11 if y > 0.2 else 1
        assert at(0.4, y) / weight == pytest.approx(14 * math.log(1 + 0.4 ** (2.1 - y)), rel=1e-4)
        below, above = at(0.4999, y), at(0.5001, y)
        assert above - below == pytest.approx(at(0.5003, y) - above, rel=0.05)


@pytest.mark.parametrize(("loss", "best"), [(laplace_points, 0.5), (gaussian_points, math.sqrt(0.5))])
def test_likelihoods_are_best_at_the_true_spread(loss, best: float) -> None:
    # Errors of |e_x| + |e_y| = 1: Laplace's b per axis is 0.5; squares sum to 1: σ² = 0.5.
    target = torch.zeros(1, 1, 2)
    xy = torch.tensor([[[1.0, 0.0]]])
    values = {
        s: float(loss(xy, torch.tensor([[math.log(s)]]), target, torch.ones(1, 1)))
        for s in (best / 1.1, best, best * 1.1)
    }
    assert min(values, key=values.get) == best


def test_wing_follows_its_formula() -> None:
    target = torch.zeros(1, 2, 2)
    xy = torch.tensor([[[0.05, 0.0], [0.0, 0.2]]])
    near = 10 * math.log(1 + 5 / 2)
    far = 20 - (10 - 10 * math.log(1 + 10 / 2))
    assert float(wing_points(xy, target, torch.tensor([[1.0, 0.0]]))) == pytest.approx(near, rel=1e-5)
    assert float(wing_points(xy, target, torch.tensor([[0.0, 1.0]]))) == pytest.approx(far, rel=1e-5)


def test_visibility_counts_known_points_only() -> None:
    logits = torch.tensor([[4.0, -4.0, 9.0]])
    visible = torch.tensor([[1.0, 0.0, float("nan")]])
    assert float(visibility(logits, visible)) == pytest.approx(math.log1p(math.exp(-4)), rel=1e-4)
    assert float(visibility(logits, torch.full((1, 3), float("nan")))) == 0


def test_adaptive_wing_derives_itself_as_autograd_would() -> None:
    torch.manual_seed(1)
    target = gaussian_maps(torch.rand(2, 3, 2) * 8, 8, 1.0)
    weight = torch.rand(2, 3)
    answer = (target + 0.8 * torch.randn_like(target)).requires_grad_()
    adaptive_wing_maps(answer, target, weight).backward()
    own, answer.grad = answer.grad, None
    size, power = (answer - target).abs(), 2.1 - target
    slope = 14 * (1 / (1 + 0.5**power)) * power * 0.5 ** (power - 1)
    far = slope * size - (0.5 * slope - 14 * torch.log(1 + 0.5**power))
    loss = torch.where(size < 0.5, 14 * torch.log(1 + size**power), far)
    more = 1 + 10 * (torch.nn.functional.max_pool2d(target, 3, 1, 1) > 0.2)
    plain = ((loss * more).mean(dim=(2, 3)) * weight).sum() / weight.sum()
    plain.backward()
    assert float(plain.detach()) == pytest.approx(float(adaptive_wing_maps(answer, target, weight).detach()), rel=1e-5)
    assert torch.allclose(own, answer.grad, atol=1e-6)
