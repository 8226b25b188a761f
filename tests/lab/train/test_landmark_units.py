"""The regression of action units: the exported file answers as scikit-learn does, mirrored faces get mirrored units."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mien.action_units.landmark_units import LandmarkUnits
from mien.action_units.unit_features import feature_count, mirror_unit_features
from mien.core.arrays import Float32
from mien.core.schema import load_schema
from mien.errors import ModelError
from mien.lab.models.unit_regression import UnitMachines, machine_names
from mien.lab.rigs.ict98 import load_rig98
from mien.lab.train.landmark_solver import Crowd, mean_face
from mien.lab.train.landmark_units import (
    Plan,
    calibrated,
    correlations,
    draw,
    fit,
    never_measured,
    write_model,
)
from mien.runtime.store import open_model

FACS, W = load_schema("facs"), load_schema("wflw98")
RIG = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "rigs" / "ict"
REFERENCE = np.random.default_rng(0).normal(0, 0.3, (98, 3)).astype(np.float32)
PLAN = Plan(faces=90, held_out=90)


def made_up(n: int, seed: int) -> tuple[Float32, Float32]:
    """Features of which the first few say how strong each unit is."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, feature_count())).astype(np.float32)
    units = np.clip(2.0 + 1.5 * x[:, :1] + 0.3 * np.arange(len(FACS)) / 42 + 0 * x[:, :1], 0, 5)
    return x, np.broadcast_to(units, (n, len(FACS))).astype(np.float32)


@pytest.fixture(scope="module")
def machines() -> UnitMachines:
    pytest.importorskip("sklearn")
    return fit(*made_up(90, 1), PLAN)


def test_one_machine_per_unit_that_landmarks_show(machines: UnitMachines) -> None:
    assert set(never_measured()) == {"AU19", "AU29"}
    assert machines.units == machine_names(never_measured())
    assert machines.weights.shape == (len(machines.support), len(machines.units))
    assert len(machines.support) <= 90


def test_the_answer_is_scikit_learns(machines: UnitMachines) -> None:
    from sklearn.svm import SVR

    x, units = made_up(90, 1)
    z = (x - machines.mean) * machines.scale
    m = machines.units.index("AU12")
    own = SVR(C=PLAN.c, epsilon=PLAN.epsilon, gamma=machines.gamma).fit(z, units[:, FACS.index("AU12_L")])
    new = made_up(20, 2)[0]
    np.testing.assert_allclose(
        machines.answer(new)[:, m], own.predict((new - machines.mean) * machines.scale), atol=1e-4
    )


def test_the_file_answers_as_the_arrays_do_and_mirrors(machines: UnitMachines, tmp_path: Path) -> None:
    x, units = made_up(200, 3)
    ready = calibrated(machines, x, units)
    assert (ready.gain >= 1).all()
    scores = {"known": correlations(ready, x, units), "unknown": correlations(ready, x, units)}
    write_model(tmp_path / "landmark-units", ready, REFERENCE, scores, "landmarks/hrnet98", 200)
    model = open_model(tmp_path / "landmark-units")
    order, signs = mirror_unit_features()
    found = model.run({"features": x[:30]})
    turned = model.run({"features": (x[:30, order] * signs).astype(np.float32)})["intensity"]
    model.close()
    np.testing.assert_allclose(found["intensity"], ready.intensity(x[:30]), atol=2e-3)
    np.testing.assert_allclose(turned, found["intensity"][:, FACS.mirror], atol=2e-3)
    np.testing.assert_allclose(found["reference"], REFERENCE)
    assert found["reliability"][FACS.index("AU19")] == 0
    assert (found["intensity"] >= 0).all()
    assert (found["intensity"] <= 5).all()
    reader = LandmarkUnits(tmp_path / "landmark-units")
    unit = reader.units(REFERENCE[:, :2], None, np.zeros(2))
    reader.close()
    assert np.isnan(unit["AU19"])
    assert np.isfinite(unit["AU12_L"])


def test_another_width_is_refused() -> None:
    with pytest.raises(ModelError, match="takes 395 features, this version makes"):
        LandmarkUnits("landmark-solver")


def test_unknown_truth_is_left_out() -> None:
    pytest.importorskip("sklearn")
    x, units = made_up(90, 1)
    gaps = units.copy()
    gaps[:30, FACS.index("AU12_L")] = np.nan
    fitted = fit(x, gaps, PLAN)
    m = fitted.units.index("AU12")
    standard = (x[:30] - fitted.mean) * fitted.scale
    for row in standard:
        at = np.flatnonzero(np.abs(fitted.support - row).max(axis=1) < 1e-6)
        assert (fitted.weights[at, m] == 0).all()


@pytest.mark.shared
@pytest.mark.skipif(not RIG.is_dir(), reason="the ICT rig is not shipped: no shared data folder here")
def test_units_of_the_rig_are_learnt_in_small() -> None:
    pytest.importorskip("sklearn")
    crowd = Crowd(load_rig98(RIG))
    reference, _ = mean_face(crowd.rig, None)
    known, _, units = draw(crowd, np.random.default_rng(1), 500, reference)
    fitted = fit(known, units, Plan(faces=500))
    held, _, truth = draw(crowd, np.random.default_rng(2), 300, reference)
    r = correlations(fitted, held, truth)
    assert r[FACS.index("AU26")] > 0.6
    assert r[FACS.index("AU12_L")] > 0.3
    assert np.nanmean(r) > 0.2
