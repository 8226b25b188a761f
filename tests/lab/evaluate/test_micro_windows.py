"""Drawn windows for the 8-bit trial: the movement is in them; a reader learns to tell two of them apart."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch

from mien.core.schema import load_schema
from mien.errors import ModelError
from mien.lab.evaluate.micro_films import MOTIONS
from mien.lab.evaluate.micro_windows import (
    FRAMES,
    SIDE,
    WindowReader,
    Windows,
    calibration,
    check_finite,
    draw_windows,
    fit_last,
    movement,
    reader_spec,
    settle,
    teach,
)
from mien.lab.export import traced
from mien.lab.models.au_gcn_cur import tiny
from mien.lab.rigs.catalogue import load_rig
from mien.lab.train.quantise import How, eight_bit

SPEC = tiny(reader_spec(pooled=True))


@pytest.fixture(scope="module")
def drawn() -> Windows:
    return draw_windows(load_rig("builtin"), 2, 5)


def test_the_movement_of_the_class_is_in_the_window(drawn: Windows) -> None:
    assert drawn.clips.shape == (2, 4, FRAMES, SIDE, SIDE)
    assert drawn.classes.tolist() == [0, 1]
    assert np.abs(drawn.clips[:, 1:, 0]).max() == 0, "flow from the first frame to itself"
    apex = drawn.clips[:, 2, 11]  # px down; the brows lie in the upper half of the middle
    brows = apex[:, 12:44, 28:84]
    assert np.percentile(brows[0], 2) < -0.15, "raised"
    assert np.percentile(brows[1], 98) > 0.15, "lowered"


def test_a_movement_rises_from_rest_and_moves_nothing_else() -> None:
    sequence, schema = movement(3, 8), load_schema("arkit52")
    own = [schema.index(n) for n in MOTIONS["left lip corner up"]]
    assert not sequence.shapes[0].any()
    assert 0.2 < sequence.shapes[:, own].max() <= 0.7
    assert not np.delete(sequence.shapes, own, axis=1).any()
    assert sequence.times_ns[-1] == pytest.approx(15 / 32 * 1e9)


def _easy(count: int, seed: int) -> Windows:
    """Windows whose flow goes up or down."""
    rng = np.random.default_rng(seed)
    classes = np.arange(count) % 2
    clips = rng.normal(0, 0.3, (count, 4, 8, 32, 32)).astype(np.float32)
    clips[:, 2] += np.where(classes, 0.8, -0.8)[:, None, None, None]
    return Windows(clips, classes.astype(np.int64))


def test_a_reader_learns_and_keeps_its_answers_in_8_bits() -> None:
    net = teach(_easy(40, 1), SPEC, 40, batch=8)
    assert not net.training
    test = _easy(20, 2)
    with torch.no_grad():
        wanted = net(torch.from_numpy(test.clips)).numpy()
    assert wanted.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    assert (wanted.argmax(axis=1) == test.classes).mean() >= 0.9
    whole = traced(net, torch.zeros(1, 4, 8, 32, 32), ["clip", "probabilities"], {})
    eight = eight_bit(whole, "clip", calibration(_easy(8, 1)), How())
    assert "QuantizeLinear" in {n.op_type for n in eight.graph.node}
    kinds = {w.data_type for w in eight.graph.initializer if len(w.dims) == 5}
    assert kinds == {onnx.TensorProto.INT8}, "every 3-D convolution has 8-bit weights"


def test_the_last_layer_is_fitted_to_features_that_were_never_taught() -> None:
    torch.manual_seed(2)
    net, windows = WindowReader(SPEC, 2), _easy(20, 3)
    settle(net, windows.clips)
    fit_last(net.eval(), windows)
    with torch.no_grad():
        found = net(torch.from_numpy(windows.clips)).numpy()
    assert (found.argmax(axis=1) == windows.classes).all()
    assert found.max(axis=1).min() > 0.6


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_ends_the_teaching_with_its_step(bad: float) -> None:
    windows = _easy(8, 1)
    windows.clips[:, 1, 0] = bad
    with pytest.raises(ModelError, match="teaching step 1 of 2"):
        teach(windows, SPEC, 2, batch=4)


def test_a_network_without_numbers_is_named() -> None:
    net = WindowReader(SPEC, 2)
    check_finite(net)
    with torch.no_grad():
        net.last.bias[0] = np.nan
    with pytest.raises(ModelError, match=r"last\.bias"):
        check_finite(net)


def test_teaching_is_the_same_every_time() -> None:
    """Whoever is slow learns as much as who is fast; in bfloat16 gradients had strange values now and then."""
    one, other = (teach(_easy(8, 1), SPEC, 2, batch=4).state_dict() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_backbone_is_the_recognisers() -> None:
    with torch.device("meta"):  # shapes without arithmetic
        plain, pooled = (WindowReader(reader_spec(pooled=p)).eval() for p in (False, True))
        assert plain(torch.zeros(1, 4, FRAMES, SIDE, SIDE)).shape == (1, len(MOTIONS))
    assert [p.shape for p in plain.parameters()] == [p.shape for p in pooled.parameters()]
