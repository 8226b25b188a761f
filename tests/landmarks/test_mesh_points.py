"""The table from mesh vertices to the 98 points: complete, symmetric, documented."""

from pathlib import Path

import numpy as np

from mien.core.schema import load_schema
from mien.landmarks.mesh_points import load_blends, mapping_page, points_from_mesh

ROOT = Path(__file__).resolve().parents[2]


def test_every_point_is_a_blend_with_a_reason() -> None:
    matrix = points_from_mesh()
    assert matrix.shape == (98, 478)
    assert np.allclose(matrix.sum(axis=1), 1)
    assert (matrix >= 0).all()
    assert all(len(b.why) > 5 for b in load_blends().values())
    assert not matrix.flags.writeable


def test_right_and_left_use_the_same_weights_and_no_vertex_in_common() -> None:
    schema = load_schema("wflw98")
    blends = load_blends()
    for name, mirrored in zip(schema.names, schema.mirror, strict=True):
        other = blends[schema.names[int(mirrored)]]
        assert other.weights == blends[name].weights
        if "right" in name:
            middle = {152, 0, 17}
            assert not (set(blends[name].vertices) - middle) & (set(other.vertices) - middle)


def test_no_two_points_are_the_same() -> None:
    assert len(np.unique(points_from_mesh(), axis=0)) == 98


def test_the_page_is_in_step_with_the_table() -> None:
    page = (ROOT / "docs" / "landmarks-mediapipe.md").read_text(encoding="utf-8")
    assert page == mapping_page(), "write mapping_page() to docs/landmarks-mediapipe.md"
