"""`mien spot` and `mien lab evaluate micro` on the command line: what is printed, and how a wrong request ends."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

import mien.recorder.spot as recorder
from mien.cli.main import app
from mien.core.record import Event
from mien.errors import ConfigError, RequestError
from mien.micro.spotter import THRESHOLD, Spotted
from mien.recorder.spot import SpotOutcome, SpotRequest

EVENT = Event("micro", 0, 2_000_000_000, 2_150_000_000, 2_300_000_000, 0.71, ("AU12_L",), "happiness")


def _spotting(monkeypatch: pytest.MonkeyPatch, event: Event = EVENT) -> list[SpotRequest]:
    asked: list[SpotRequest] = []

    def look(request: SpotRequest, *rest: object) -> SpotOutcome:
        asked.append(request)
        found = [Spotted(event, {"AU12_L": 0.8}, {"happiness": 0.9}, {"mouth_corner_L": 1.1}, 20.0)]
        return SpotOutcome("clip.mp4", found, 300, 300, 3.0, 100.0, warnings=["look out"])

    monkeypatch.setattr(recorder, "spot", look)
    return asked


def test_json_is_one_object_with_the_events(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _spotting(monkeypatch)
    result = CliRunner().invoke(app, ["spot", "clip.mp4", "--json", "--threshold", "0.6", "--start", "1"])
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    event = told["events"][0]
    assert {"kind", "onset_ns", "apex_ns", "offset_ns", "action_units", "emotion", "confidence"} <= event.keys()
    assert event["action_units"] == {"AU12_L": 0.8}
    assert told["micro_per_minute"] == 20.0
    assert (asked[0].threshold, asked[0].span.start_ns) == (0.6, 1_000_000_000)
    assert "look out" in result.stderr


def test_in_words_and_with_the_threshold_that_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _spotting(monkeypatch)
    result = CliRunner().invoke(app, ["spot", "clip.mp4"])
    assert asked[0].threshold == THRESHOLD == 0.45
    assert "micro" in result.stdout
    assert "0:02.000 0:02.150 0:02.300" in result.stdout


def test_a_macro_expression_has_no_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    _spotting(monkeypatch, replace(EVENT, kind="macro", emotion=None))
    result = CliRunner().invoke(app, ["spot", "clip.mp4"])
    assert "AU12_L  –  0.71" in result.stdout
    result = CliRunner().invoke(app, ["spot", "clip.mp4", "--json"])
    assert json.loads(result.stdout)["events"][0]["emotion"] == ""


def test_files_of_an_earlier_spotting_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = _spotting(monkeypatch)
    (tmp_path / "events.csv").write_text("mine")
    result = CliRunner().invoke(app, ["spot", "clip.mp4", "--out", str(tmp_path)])
    assert isinstance(result.exception, RequestError)
    assert not asked
    assert (tmp_path / "events.csv").read_text() == "mine"


def test_an_unknown_method_ends_before_the_work(tmp_path: Path) -> None:
    arguments = ["lab", "evaluate", "micro", "--data", f"casme2:{tmp_path}", "--method", "lbptop"]
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, ConfigError)
    assert "lbp-top" in str(result.exception)
