"""Expressions in the outputs: meters beside the picture, curves and the agreement of both readings in the report."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sample_takes import face, record, store

from mien.core.measures import Expression
from mien.core.record import Face
from mien.core.schema import load_schema
from mien.pipeline.stage import SourceInfo
from mien.sinks import overlay_expression, overlay_panel
from mien.sinks.overlay_drawing import person_colour, text_width
from mien.sinks.overlay_expression import Meters
from mien.sinks.overlay_panel import Panel
from mien.sinks.report import agreement, export
from mien.sinks.take_facts import facts_of
from mien.sinks.take_judgement import judged

EIGHT = load_schema("expression8")
COLOUR = person_colour(1)


def reading(**given: float) -> Expression:
    values = np.full(len(EIGHT), np.nan, np.float32)
    for name in EIGHT.names:
        if name != "contempt":
            values[EIGHT.index(name)] = given.get(name, 0.0)
    return Expression(values, np.isfinite(values), EIGHT)


def smiling() -> Face:
    units = {"AU12_L": 4.0, "AU12_R": 4.0, "AU6_L": 3.0, "AU6_R": 3.0}
    return replace(face(units=units), expression=reading(happiness=0.9, neutral=0.1))


def lit(panel: np.ndarray) -> int:
    return int((np.abs(panel.astype(int) - COLOUR).max(axis=2) < 6).sum())


def test_meters_grow_with_the_probability_and_stay_while_the_face_is_lost() -> None:
    meters, panel = Meters(), np.zeros((200, 240, 3), np.uint8)
    assert meters.height_px((240, 200)) == 0
    meters.see(None)
    meters.draw(panel, COLOUR)
    assert lit(panel) == 0
    meters.see(reading(happiness=0.9))
    assert 0 < meters.height_px((240, 200)) <= 100
    meters.draw(panel, COLOUR)
    strong = lit(panel)
    meters.see(None)
    meters.draw(panel, COLOUR)
    assert lit(panel) == strong
    meters.see(reading(happiness=0.4, sadness=0.3))
    meters.draw(panel, COLOUR)
    assert 0 < lit(panel) < strong
    assert meters.height_px((240, 60)) == 0


def test_the_panel_makes_room_for_meters_only_if_there_is_a_reading() -> None:
    without, with_it = (
        Panel((240, 300), character=False, bars=True).draw(record(0, one)) for one in (face(), smiling())
    )
    assert without.shape == with_it.shape
    assert lit(with_it[-90:]) > lit(without[-90:])


@pytest.mark.parametrize("size_wh", [(80, 120), (160, 240), (144, 320), (16, 16), (240, 360), (1080, 1080)])
def test_a_panel_of_any_size_cuts_nothing_off(size_wh: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    outside: list[str] = []

    def measured(picture: np.ndarray, xy: tuple[float, float], text: str, height_px: float, *more: object) -> int:
        width = text_width(text, height_px)
        if xy[0] + width > picture.shape[1] or xy[1] + height_px > picture.shape[0] or height_px < 5:
            outside.append(text)
        return width

    for module in (overlay_panel, overlay_expression):
        monkeypatch.setattr(module, "draw_text", measured)
    panel = Panel(size_wh, character=True, bars=True)
    drawn = panel.draw(record(0, smiling()))
    assert drawn.shape == (size_wh[1], size_wh[0], 3)
    assert outside == []


def test_of_the_built_in_clip_it_is_said_that_it_smiles_at_rest(tmp_path: Path) -> None:
    records = [record(i, smiling()) for i in range(4)]
    for name, told in (("builtin", 1), ("said", 0)):
        take = store(tmp_path / name, records, source=SourceInfo(name, "synthetic"))
        assert sum("smiles a little also at rest" in note for note in judged(take).notes) == told


def test_the_report_shows_curves_and_how_often_both_readings_agree(tmp_path: Path) -> None:
    calm = replace(face(), expression=reading(neutral=0.8, happiness=0.2))
    wrong = replace(face(), expression=reading(anger=1.0))
    take = store(tmp_path, [record(i, one) for i, one in enumerate([smiling(), smiling(), calm, wrong])])
    track = facts_of(take).tracks[0]
    assert "name the same in 75% of 4 frames" in agreement(track, {})
    own = {"stages": ["expression"], "expression": {"use": "expression/action_units"}}
    assert "the same source" in agreement(track, own)
    assert "75%" not in agreement(track, own)
    assert "75%" in agreement(track, {**own, "stages": []}), "named, but not run"
    for odd in (["x"], {"a": 1}, 3, None):
        assert "75%" in agreement(track, {"stages": ["expression"], "expression": {"use": odd}})
    page = export(take, tmp_path / "report.html")[0].read_text(encoding="utf-8")
    assert "not what its owner feels" in page
    assert "happiness" in page
    plain = store(tmp_path / "plain", [record(i, face()) for i in range(4)])
    assert agreement(facts_of(plain).tracks[0], {}) == ""
    assert "not what its owner feels" not in export(plain, tmp_path / "plain.html")[0].read_text(encoding="utf-8")
