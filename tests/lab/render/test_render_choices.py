"""Choices: seeded, inside their bounds, and expressions are their prototypes."""

from pathlib import Path

import numpy as np
import pytest

from mien.action_units.facs import action_units
from mien.core.measures import Blendshapes
from mien.errors import SinkError, SourceError
from mien.lab.render.prototypes import CLASSES, random_face, weight_of
from mien.lab.render.random_scene import Wishes, choose
from mien.lab.render.sheet import write_sheet
from mien.lab.render.surroundings import background


def test_choices_repeat_and_wishes_leave_the_rest_alone() -> None:
    assert choose(4).look == choose(4).look
    assert choose(4).view == choose(4).view
    blurred = choose(4, Wishes(attributes={"blur": True}))
    assert blurred.view == choose(4).view
    assert blurred.look == choose(4).look
    assert blurred.faults.blur_px > choose(4, Wishes(attributes={"blur": False})).faults.blur_px


def test_wrong_wishes_say_so() -> None:
    with pytest.raises(ValueError, match="no attribute beard"):
        Wishes(attributes={"beard": True})
    with pytest.raises(ValueError, match="size_px"):
        Wishes(size_px=7)
    with pytest.raises(ValueError, match="seed"):
        choose(-1)


def _units(shapes: np.ndarray) -> dict[str, float]:  # type: ignore[type-arg]
    units = action_units(Blendshapes.of(shapes, np.ones(52)), {})
    return {n: units[n] for n in ("AU1", "AU4", "AU6", "AU9", "AU12_L", "AU12_R", "AU14_L", "AU14_R", "AU15", "AU26")}


def test_every_class_occurs_and_shows_its_units() -> None:
    faces = [random_face(np.random.default_rng(seed)) for seed in range(600)]
    assert {f.expression for f in faces} == set(CLASSES)
    for face in faces:
        assert ((face.shapes >= 0) & (face.shapes <= 1)).all()
        units = _units(face.shapes)
        if face.expression == "neutral":
            assert max(units.values()) < 1.0
        if face.expression == "happiness" and face.intensity > 2.5:
            assert min(units["AU12_L"], units["AU12_R"]) > 1.0
        if face.expression == "contempt" and face.intensity > 2.5:
            assert (units["AU12_L"] > 1) != (units["AU12_R"] > 1)
            assert (units["AU14_L"] > 1) == (units["AU12_L"] > 1)


@pytest.mark.parametrize("unit", ["AU12_L", "AU26", "AU45_R", "AU23"])
def test_weights_are_the_inverse_of_the_table(unit: str) -> None:
    from mien.action_units.facs import unit_rules
    from mien.core.schema import load_schema

    rule = unit_rules()[load_schema("facs").index(unit)]
    shapes = np.zeros(52, np.float32)
    shapes[list(rule.shapes)] = weight_of(unit, 3.0)
    assert action_units(Blendshapes.of(shapes, np.ones(52)), {})[unit] == pytest.approx(3.0, abs=0.01)


def test_backgrounds(tmp_path: Path) -> None:
    rng = np.random.default_rng
    one = background(rng(1), 64, None)
    assert one.shape == (64, 64, 3)
    assert (one > 0).all()
    np.testing.assert_array_equal(one, background(rng(1), 64, None))
    with pytest.raises(SourceError, match="no pictures"):
        background(rng(1), 64, tmp_path)
    red = np.zeros((40, 60, 3), np.uint8)
    red[..., 0] = 200
    write_sheet(red, tmp_path / "red.png")
    photo = background(rng(1), 64, tmp_path)
    assert photo.shape == (64, 64, 3)
    assert photo[..., 0].mean() > 20 * photo[..., 1].mean()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "red.png").write_bytes(b"nothing")
    with pytest.raises(SourceError, match="cannot be read"):
        background(rng(1), 64, tmp_path / "broken")
    with pytest.raises(SinkError):
        write_sheet(red, tmp_path / "none" / "red.png")
