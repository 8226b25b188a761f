"""Files of a report, the order of the worst faces, the command from end to end."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from made_up_runs import run, write_marked
from typer.testing import CliRunner

from mien.cli.main import app
from mien.errors import MissingExtraError, RequestError, SinkError
from mien.lab.evaluate import landmark_report
from mien.lab.evaluate.charts import curves, new_figure, small_curves, write_chart
from mien.lab.evaluate.landmark_report import worst, worst_rows, worst_table, write_report, write_subset_curves
from mien.lab.evaluate.landmark_run import figures
from mien.lab.evaluate.landmarks import Request, main, make_finder, open_samples, table


def test_the_worst_come_first_and_missed_ones_before_them() -> None:
    made = run([2.0, 12.0, None, 4.0])
    assert worst(made) == [2, 1, 3, 0]
    lines = worst_table(worst_rows(made, 2), {"001.jpg#1": "profile"}).splitlines()
    assert "| 002.jpg#2 | missed | make-up |" in lines[2]
    assert "| 001.jpg#1 | 12.0 | pose, blur |" in lines[3]
    assert lines[3].endswith("| profile |")


def test_a_row_says_how_many_failed_of_how_many() -> None:
    row = table([figures(run([2.0, 4.0, 12.0, None]), repeats=20)]).splitlines()[2]
    assert row.startswith("| made up | end to end | 4 | 3 | 6.00 [")
    assert "(2) |" in row


def test_a_report_holds_figures_curves_and_the_worst_faces(tmp_path: Path) -> None:
    folder = write_marked(tmp_path / "marked", [1, 2])
    samples, words = open_samples(Request(f"wflw:{folder}"))
    assert words == "WFLW, test, 2 faces"
    made = run([2.0, None])
    files = write_report(samples, [made], [figures(made, 5)], tmp_path / "out")
    assert all(f.stat().st_size > 500 for f in files)
    assert tmp_path / "out" / "ced-subsets.png" in files
    assert json.loads((tmp_path / "out" / "figures.json").read_text())["runs"][0]["faces"] == 2
    sheet = cv2.imread(str(tmp_path / "out" / "worst-end-to-end.jpg"))
    assert sheet.shape == (320, 640, 3)
    assert sheet[:, :320].std() > 10  # the missed face's picture is there


def test_curves_by_subset_show_the_faces_of_the_subset_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[dict[str, dict[str, tuple[np.ndarray, np.ndarray]]]] = []

    def kept(panels: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]], x: str, y: str) -> object:
        drawn.append(panels)
        return small_curves(panels, x, y)

    monkeypatch.setattr(landmark_report, "small_curves", kept)
    one, other = (figures(run(shifts), 5) for shifts in ([2.0, 6.0, None, 4.0], [2.0, 2.0, 2.0, 20.0]))
    write_subset_curves({"one": one, "other": other}, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 2000
    panels = drawn[0]
    assert list(panels) == ["all, 4 faces", "pose, 2 faces", "make-up, 1 face", "blur, 1 face"]
    ends = {title: [round(float(y[-1])) for _, y in lines.values()] for title, lines in panels.items()}
    assert ends == {
        "all, 4 faces": [75, 75],
        "pose, 2 faces": [100, 100],
        "make-up, 1 face": [0, 100],
        "blur, 1 face": [100, 100],
    }
    at, up = panels["pose, 2 faces"]["one"]
    assert [float(up[np.searchsorted(at, x)]) for x in (1.9, 2.1, 5.9, 6.1)] == [0, 50, 50, 100]


def test_a_folder_that_cannot_be_written_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    made = run([1.0])
    with pytest.raises(SinkError, match="out"):
        write_report([], [made], [figures(made, 2)], tmp_path / "out")
    chart = curves({"a": (np.arange(3.0), np.arange(3.0))}, "x", "y")
    with pytest.raises(SinkError, match="chart"):
        write_chart(chart, tmp_path / "nowhere" / "a.png")


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"mien\[lab\]"):
        new_figure(1, 1)


def test_options_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(RequestError, match="--checkpoint"):
        make_finder(Request("wflw:x", flip=True))
    with pytest.raises(RequestError, match="name one of them"):
        make_finder(Request("wflw:x", landmarks="landmarks/mediapipe", checkpoint=Path("best.pt")))


def test_the_command_measures_drawn_faces(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("mediapipe")
    folder = write_marked(tmp_path / "marked", range(4))
    stages = ["--detector", "detect/mediapipe", "--landmarks", "landmarks/mediapipe"]
    data = ["--data", f"wflw:{folder}", *stages]
    answer = CliRunner().invoke(app, ["lab", "evaluate", "landmarks", *data, "--json", "--out", str(tmp_path / "out")])
    assert answer.exit_code == 0, answer.output
    whole, crop = json.loads(answer.stdout)["runs"]
    assert (whole["protocol"], crop["protocol"]) == ("end to end", "true crop")
    assert whole["found"] == 4
    assert whole["clusters"] == 2
    assert 0 < whole["nme"]["value"] < 5
    assert whole["subsets"]["blur"]["faces"] == 2
    assert (tmp_path / "out" / "ced.png").is_file()
    assert (tmp_path / "out" / "ced-subsets.png").is_file()
    with caplog.at_level("INFO"):
        main([*data, "--protocol", "true crop", "--count", "1"])
    assert "WFLW, test, 1 faces" in caplog.text
    assert "end to end" not in caplog.text
