"""USD files read back with Pixar's own library."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from acted_takes import RATES, acted_take, same_curve

from mien.avatar.builtin import builtin_character
from mien.core.geometry import rotation_from_quaternion
from mien.core.schema import load_schema
from mien.errors import RequestError

pytest.importorskip("pxr")

from pxr import Usd, UsdGeom, UsdSkel

from mien.sinks.exporters.usd import export

SHAPES = load_schema("arkit52").names


@pytest.mark.parametrize("rate", RATES)
def test_the_animation_is_the_take(rate: str, tmp_path: Path) -> None:
    take = acted_take(rate, 20)
    (path,) = export(take, tmp_path / "take.usdc")
    stage = Usd.Stage.Open(str(path))
    assert stage.GetTimeCodesPerSecond() == pytest.approx(float(RATES[rate]), abs=1e-3)
    animation = UsdSkel.Animation(stage.GetPrimAtPath("/Mien/Take"))
    assert list(animation.GetBlendShapesAttr().Get()) == list(SHAPES)
    weights = animation.GetBlendShapeWeightsAttr()
    codes = weights.GetTimeSamples()
    values = np.array([weights.Get(c) for c in codes])
    times_s = [c / stage.GetTimeCodesPerSecond() for c in codes]
    for i in range(52):
        same_curve(times_s, values[:, i].tolist(), take.times_s, take.weights[:, i])
    joint = list(animation.GetJointsAttr().Get()).index("root/head")
    for code, xyzw in zip(codes, take.performance.head_xyzw, strict=True):
        q = animation.GetRotationsAttr().Get(code)[joint]
        turned = rotation_from_quaternion([*q.GetImaginary(), q.GetReal()])
        np.testing.assert_allclose(turned, rotation_from_quaternion(xyzw), atol=1e-4)


def test_the_character_is_bound_and_moves(tmp_path: Path) -> None:
    (path,) = export(acted_take("30", 4), tmp_path / "take.usda")
    assert 'generator = "mien"' in path.read_text()[:2000]
    stage = Usd.Stage.Open(str(path))
    assert UsdGeom.GetStageUpAxis(stage) == "Y"
    assert stage.GetDefaultPrim().IsA(UsdSkel.Root)
    root = UsdSkel.Root(stage.GetDefaultPrim())
    cache = UsdSkel.Cache()
    cache.Populate(root, Usd.PrimDefaultPredicate)
    (binding,) = cache.ComputeSkelBindings(root, Usd.PrimDefaultPredicate)
    assert len(binding.GetSkinningTargets()) == len(builtin_character().parts)
    skin = next(p for p in builtin_character().parts if p.name == "skin")
    query = next(t for t in binding.GetSkinningTargets() if t.GetPrim().GetName() == "skin")
    assert query.HasBlendShapes()
    shapes = UsdSkel.BlendShapeQuery(UsdSkel.BindingAPI(query.GetPrim()))
    assert shapes.GetNumBlendShapes() == 52
    jaw = UsdSkel.BlendShape(stage.GetPrimAtPath("/Mien/skin/jawOpen"))
    offsets = np.zeros_like(skin.positions)
    offsets[np.array(jaw.GetPointIndicesAttr().Get())] = np.array(jaw.GetOffsetsAttr().Get())
    np.testing.assert_allclose(offsets, skin.morphs["jawOpen"], atol=1e-6)
    skeleton = cache.GetSkelQuery(UsdSkel.Skeleton(stage.GetPrimAtPath("/Mien/Skeleton")))
    assert skeleton
    assert not np.allclose(skeleton.ComputeSkinningTransforms(0.0)[1], np.eye(4))


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"ends in \.usda"):
        export(acted_take("30", 2), tmp_path / "take.obj")
