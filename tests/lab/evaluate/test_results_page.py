"""The results page: figures are kept under their title, sections are replaced and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from made_up_runs import run

from mien.errors import RequestError, SourceError
from mien.lab.evaluate.clips import ClipFigures
from mien.lab.evaluate.jitter import still_jitter
from mien.lab.evaluate.landmark_report import worst_rows
from mien.lab.evaluate.landmark_robustness import Curve
from mien.lab.evaluate.landmark_run import SUBSETS, figures
from mien.lab.evaluate.published import PUBLISHED
from mien.lab.evaluate.results_page import add, main, with_section
from mien.lab.evaluate.results_tables import table_1


def figures_file(folder: Path, *shifts: float | None) -> Path:
    made = run(list(shifts))
    path = folder / "figures.json"
    path.write_text(json.dumps({"runs": [{**figures(made, 5), "worst": worst_rows(made, 2)}]}))
    return path


def test_the_same_title_is_replaced_and_another_is_added(tmp_path: Path) -> None:
    store = tmp_path / "results"
    add(store, figures_file(tmp_path, 2.0, 4.0), "Ours", "held out")
    add(store, figures_file(tmp_path, 6.0, None), "Ours", "held out")
    add(store, figures_file(tmp_path, 8.0, 8.0), "Peer", "held out")
    entries = json.loads((store / "landmarks.json").read_text())["entries"]
    assert [(e["method"], round(e["nme"]["value"])) for e in entries] == [("Ours", 6), ("Peer", 8)]


def test_sections_are_written_and_words_around_them_stay(tmp_path: Path) -> None:
    store, page = tmp_path / "results", tmp_path / "results.md"
    page.write_text("# Results\n\nBefore.\n\n<!-- begin landmarks-all -->\nold\n<!-- end landmarks-all -->\n\nAfter.\n")
    causes = tmp_path / "causes.json"
    causes.write_text(json.dumps({"001.jpg#1": "missed: a hand"}))
    data = ["add", "--figures", str(figures_file(tmp_path, 6.0, None)), "--title", "Ours", "--seen", "held out"]
    main(["--store", str(store), *data, "--causes", str(causes)])
    write = ["--store", str(store), "write", "--page", str(page), "--images", str(tmp_path)]
    main(write)
    text = page.read_text()
    assert "old" not in text
    assert text.index("Before.") < text.index("| Ours | end to end | 1 of 2 | 6.00") < text.index("After.")
    assert "made-up faces; held out |" in text
    assert "| 001.jpg#1 | missed |" in text
    assert "missed: a hand |" in text
    main(write)
    assert page.read_text() == text
    assert (tmp_path / "landmarks-ced.png").stat().st_size > 2000
    assert (tmp_path / "landmarks-ced-end-to-end.png").stat().st_size > 2000
    assert not (tmp_path / "landmarks-ced-true-crop.png").exists()


def test_every_kind_of_figure_has_its_section(tmp_path: Path) -> None:
    store, page = tmp_path / "results", tmp_path / "results.md"
    curve = Curve("blur", "px", "m", "end to end", 3, (0.0, 2.0), (5.0, float("nan")), (0.0, 100.0))
    shaken = np.random.default_rng(0).normal(size=(5, 98, 2))
    shaken[:, 72, 0] += 100
    jitters = [still_jitter("a", "p", shaken), still_jitter("b", "p", np.full((5, 98, 2), np.nan))]
    clip = ClipFigures("c.mp4", "p", 10, 8, 7, 8, 7, 1, 2, 0, 1, 1)
    for facts in (
        {"kind": "robustness", "data": "d", "curves": [curve.as_json()]},
        {"kind": "jitter", "rows": [{"what": "p, still", "faces": [j.as_json() for j in jitters]}]},
        {"kind": "clips", "clips": [clip.as_json()]},
    ):
        path = tmp_path / "facts.json"
        path.write_text(json.dumps(facts))
        assert add(store, path, "", "held out") == 1
    main(["--store", str(store), "write", "--page", str(page), "--images", str(tmp_path)])
    assert (tmp_path / "landmarks-robustness.png").stat().st_size > 2000
    text = page.read_text()
    assert "| m, end to end, 3 faces | 5.0 / 0 | – / 100 |" in text
    assert "| p, still | 1 of 2 | 5 |" in text
    assert "| c.mp4 | p | 8 of 10 | 87.5 % |" in text


def test_table_1_has_all_that_was_printed() -> None:
    entry = {**figures(run([2.0, 4.0]), 5), "table": "main", "seen": "held out"}
    text = table_1([entry])
    assert "| LAB, as printed | 2500 | 5.27 | 10.24 |" in text
    assert "| MTHR-Face, as printed | 2500 | 0.5871 |" in text
    assert text.count("| made up, end to end | 2 |") == 3
    for measures in PUBLISHED.values():
        assert all(len(values) == 1 + len(SUBSETS) for values in measures.values())


def test_broken_markers_and_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="1 × <!-- begin a -->"):
        with_section("<!-- begin a -->", "a", "text")
    assert with_section("# Page\n", "a", "text") == "# Page\n\n<!-- begin a -->\ntext\n<!-- end a -->\n"
    (tmp_path / "x.json").write_text('{"kind": "weather"}')
    with pytest.raises(SourceError, match="no figures that go onto the page"):
        add(tmp_path, tmp_path / "x.json", "", "held out")
    with pytest.raises(SourceError, match="cannot be read as figures"):
        add(tmp_path, tmp_path / "y.json", "", "held out")
