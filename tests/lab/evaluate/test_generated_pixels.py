"""Pictures of generated expressions: who draws them, and what the chain is asked."""

import numpy as np
import pytest

from mien.core.schema import load_schema
from mien.errors import SourceError
from mien.lab.evaluate import generated_expressions, generated_pixels
from mien.lab.evaluate.generated_pixels import SIZE_PX, ByPixels, character_drawer, rig_drawer
from mien.lab.rigs.builtin_rig import builtin_rig


def smile() -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    schema = load_schema("arkit52")
    weights = np.zeros(52, np.float32)
    weights[[schema.index(f"mouthSmile{s}") for s in ("Left", "Right")]] = 1.0
    return weights


@pytest.fixture(params=["character", "rig"])
def drawer(request: pytest.FixtureRequest) -> generated_pixels.Drawer:
    return character_drawer() if request.param == "character" else rig_drawer(builtin_rig(), 3)


def test_drawers_show_the_weights_and_nothing_by_chance(drawer: generated_pixels.Drawer) -> None:
    rest, smiling = drawer(np.zeros(52, np.float32)), drawer(smile())
    assert rest.shape == (SIZE_PX, SIZE_PX, 3)
    assert rest.dtype == np.uint8
    np.testing.assert_array_equal(rest, drawer(np.zeros(52, np.float32)))
    changed = np.abs(rest.astype(int) - smiling).max(axis=2) > 12
    assert 0.002 < changed.mean() < 0.2
    rows = np.flatnonzero(changed.any(axis=1))
    assert rows.min() > 0.3 * SIZE_PX, "a smile moves the lower face"


def test_a_smile_is_seen_and_a_wall_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = ByPixels([character_drawer()])
    try:
        monkeypatch.setattr(generated_expressions, "INTENSITIES", (1.0,))
        monkeypatch.setattr(generated_expressions, "SIX", ("happiness",))
        graph = generated_expressions.ExpressionGraph()
        figures = generated_expressions.evaluate({"pixels": reader}, 2, graph)
        graph.close()
        assert figures["pixels"]["1"].support == 2
        assert figures["pixels"]["1"].accuracy == 1.0
    finally:
        reader.close()
    with pytest.raises(SourceError, match="not found at rest"):
        ByPixels([lambda weights: np.full((SIZE_PX, SIZE_PX, 3), 90, np.uint8)])
