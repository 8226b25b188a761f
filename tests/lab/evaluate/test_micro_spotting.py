"""Scores on made movement: counted by hand; scenes without their micro-expressions."""

import numpy as np
import pytest

from mien.core.record import Event
from mien.errors import ConfigError, RequestError
from mien.lab.evaluate.micro_spotting import Looked, TrueMicro, curve, errors_ms, look, main, table, without_micro
from mien.lab.synth.sequence import random_sequence
from mien.lab.train.micro_spotter_clips import Scene, performers, random_scenes
from mien.micro.decision import Decision
from mien.micro.spotter import Spotted


def _found(kind: str, onset: float, apex: float, offset: float, sure: float) -> Spotted:
    return Spotted(Event(kind, 0, *(round(1e9 * s) for s in (onset, apex, offset)), sure), {}, {}, {}, 5.0)


def _looked() -> list[Looked]:
    """Two true micro-expressions, one of them faint and missed; one false; one macro found as such."""
    first = Looked(
        30.0,
        [TrueMicro((1.0, 1.2, 1.4), 10.0, 1.0), TrueMicro((5.0, 5.2, 5.4), 1.0, 0.1)],
        [(10.0, 12.0)],
        [_found("micro", 1.03, 1.2, 1.41, 0.9), _found("macro", 10.0, 11.0, 12.5, 0.8)],
    )
    return [first, Looked(30.0, [], [], [_found("micro", 3.0, 3.1, 3.2, 0.5)])]


def test_the_table_counts_as_by_hand() -> None:
    rows = [line.strip("| ").split(" | ") for line in table(_looked(), [0.3, 0.7]).splitlines()[-2:]]
    assert rows[0] == ["0.3", "0.50", "1, 1, 1", "1.00", "1.00", "30, 0, 10"]
    assert rows[1] == ["0.7", "0.67", "1, 0, 1", "1.00", "0.00", "30, 0, 10"]


def test_errors_have_signs() -> None:
    assert errors_ms(_looked(), 0.3)[0] == pytest.approx([30.0, 0.0, 10.0])
    assert errors_ms(_looked(), 0.95).shape == (0, 3)


def test_the_curve_goes_by_strength() -> None:
    lines = [line.strip("| ").split(" | ") for line in curve(_looked(), 0.3).splitlines()[2:]]
    assert lines[0] == ["0–2", "0 of 1", "0.10"]
    assert lines[3] == ["8–16", "1 of 1", "1.00"]
    assert lines[4] == ["16 and more", "0 of 0", "–"]


def test_without_its_micro_expression_a_face_rests_between_onset_and_offset() -> None:
    sequence = random_sequence(3, "micro", fps=100.0, seconds=4.0)
    event = next(e for e in sequence.events if e.kind == "micro")
    quiet = without_micro(sequence)
    first, apex, last = sequence.frames_of(event)
    changed = np.abs(quiet.shapes - sequence.shapes).max(axis=1)
    assert changed[apex] > 0.03
    assert changed[: first - 1].max() == 0.0
    assert changed[last + 2 :].max() == 0.0


def test_a_scene_is_looked_at_with_its_truth() -> None:
    people = performers([("builtin", None)], 1)
    looked = [look(scene, Decision()) for scene in random_scenes(people, 4, 3, 60.0)]
    true = [m for one in looked if one is not None for m in one.micro]
    assert true
    assert all(m.strength > 0 and m.amplitude > 0 for m in true)


def test_a_scene_whose_quiet_twin_is_lost_is_not_scored_without_its_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    people = performers([("builtin", None)], 1)
    scene = next(s for s in random_scenes(people, 4, 3, 60.0) if any(e.kind == "micro" for e in s.sequence.expressions))
    grid = scene.grid()
    grids = iter([grid, None])
    monkeypatch.setattr(Scene, "grid", lambda _: next(grids))
    with pytest.raises(ConfigError, match="without its micro-expressions"):
        look(scene, Decision())


def test_the_command_takes_several_rigs_and_mixed_rates(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--rig", "builtin", "--rig", "builtin", "--people", "1", "--clips", "2", "--rate", "mixed", "--seed", "3"])
    assert capsys.readouterr().out.startswith("2 clips, ")
    with pytest.raises(RequestError, match="threshold 0.01"):
        main(["--threshold", "0.45", "0.01"])
