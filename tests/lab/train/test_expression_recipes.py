"""Every recipe of an expression network is understood, also the short one for every network it knows."""

from pathlib import Path

import pytest
import torch

from mien.lab.models.expression.catalogue import NETWORKS, make
from mien.lab.train.expression_plan import Request, plan_of
from mien.lab.train.recipe import read_recipe

FOLDER = Path(__file__).resolve().parents[3] / "recipes"
OWN = sorted(p for p in FOLDER.glob("expression-*.toml") if "graph" not in p.name)
SHORT = FOLDER / "expression-short.toml"


@pytest.mark.parametrize("path", [p for p in OWN if p != SHORT], ids=lambda p: p.stem)
def test_recipes_name_a_network_and_known_fields(path: Path) -> None:
    plan = plan_of(Request(("folder:x",), Path("run"), recipe=path))
    with torch.device("meta"):
        assert make(plan.model, 7).class_weight.shape == (7,)


def test_every_network_has_a_recipe() -> None:
    assert {read_recipe(path)["model"]["name"] for path in OWN if path != SHORT} == set(NETWORKS)


@pytest.mark.parametrize("name", read_recipe(SHORT)["models"])
def test_the_short_schedule_fits_32_px(name: str) -> None:
    plan = plan_of(Request(("folder:x",), Path("run"), recipe=SHORT, model=name))
    assert plan.task.input_px == 32
    with torch.device("meta"):
        net = make(plan.model, 7).eval()
        assert net(torch.zeros(2, 3, 32, 32)).logits.shape == (2, 7)
