"""A recording beside itself, delayed and disturbed in known ways: what was done to it is what is reported."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from mien.core.measures import Blendshapes, Box
from mien.core.record import Face, FrameRecord, Stamp
from mien.core.schema import load_schema
from mien.errors import RequestError, SourceError
from mien.lab.evaluate.arkit import Request, compare, measured_face, video_timecode_s
from mien.lab.evaluate.curves import Curves, score_curves, summary
from mien.lab.evaluate.livelink import read_livelink, timecode_s
from mien.lab.evaluate.synchrony import agreement, best_shift, resampled
from mien.pipeline.stage import SourceInfo, TakeHeader, TakeSummary
from mien.sinks.exporters.livelink_csv import column_names, timecode
from mien.sinks.parquet import ParquetSink

NAMES = load_schema("arkit52").names
SECONDS, START_S = 6.0, 36000.0


def acted(t_s: np.ndarray) -> np.ndarray:
    """(T, 52): every shape but tongueOut moves in its own way."""
    k = np.arange(52)
    out = 0.5 + 0.5 * np.sin(t_s[:, None] * (1.3 + 0.11 * k) + k) * np.cos(0.7 * t_s[:, None] + 2 * k)
    out[:, NAMES.index("tongueOut")] = 0.0
    return np.clip(out, 0, 1)


def write_csv(path: Path, t_s: np.ndarray, weights: np.ndarray, *, last_columns_first: bool = False) -> Path:
    columns = column_names()[:52]
    order = [NAMES.index(n[0].lower() + n[1:]) for n in columns]
    shown = list(reversed(range(52))) if last_columns_first else list(range(52))
    lines = [",".join(["Timecode", "BlendShapeCount", *(columns[i] for i in shown)])]
    for t, row in zip(t_s, weights[:, order], strict=True):
        lines.append(",".join([timecode(round(t * 1e9)), "61", *(f"{row[i]:.10f}" for i in shown)]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_take(folder: Path, t_s: np.ndarray, weights: np.ndarray) -> Path:
    sink = ParquetSink(folder=folder)
    sink.open(TakeHeader(SourceInfo("clip.mp4", "video", (96, 80)), created_utc="2026-01-02T03:04:05+00:00"))
    for i, (t, row) in enumerate(zip(t_s, weights, strict=True)):
        face = Face(Box(np.array([1, 1, 9, 9]), 0.9), 3, blendshapes=Blendshapes.of(row, np.isfinite(row)))
        sink.write(FrameRecord(Stamp("clip.mp4", i, round(t * 1e9)), (96, 80), None, (face,)))
    sink.close(TakeSummary("complete", len(t_s)))
    return folder


@pytest.fixture(scope="module")
def phone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    t = np.arange(int(SECONDS * 60)) / 60
    return write_csv(tmp_path_factory.mktemp("phone") / "take.csv", START_S + t, acted(t))


def take_of(folder: Path, *, later_s: float) -> Path:
    """30 fps; the performance begins `later_s` after the take's zero; some shapes are spoilt on purpose."""
    t = np.arange(int((SECONDS + later_s) * 30)) / 30
    weights = acted(t - later_s)
    weights[:, NAMES.index("jawOpen")] = acted(t - later_s - 0.1)[:, NAMES.index("jawOpen")]
    weights[:, NAMES.index("mouthPucker")] = 0.25
    weights[:, NAMES.index("cheekPuff")] = np.nan
    weights[:, NAMES.index("mouthFunnel")] *= 0.5
    return write_take(folder, t, weights)


@pytest.mark.parametrize("later_s", [0.0, 1.25])
def test_found_again_by_correlation_and_judged_shape_by_shape(phone: Path, tmp_path: Path, later_s: float) -> None:
    found = compare(Request(phone, take_of(tmp_path, later_s=later_s)))
    assert found.alignment.by == "correlation"
    assert found.alignment.offset_s == pytest.approx(later_s, abs=0.01)
    by_name = {s.name: s for s in found.scores}
    assert by_name["eyeBlinkLeft"].r > 0.99
    assert by_name["eyeBlinkLeft"].mae < 0.02
    assert abs(by_name["eyeBlinkLeft"].lag_ms) < 10
    assert by_name["jawOpen"].lag_ms == pytest.approx(100.0, abs=12)
    assert by_name["mouthFunnel"].r > 0.99
    assert by_name["mouthFunnel"].mae > 0.1
    assert (by_name["mouthPucker"].r, by_name["mouthPucker"].verdict) == (0.0, "dead")
    assert by_name["cheekPuff"].verdict == "never measured"
    assert by_name["tongueOut"].verdict == "still"
    plain = json.loads(json.dumps(found.as_json()))
    assert plain["summary"]["dead"] == ["mouthPucker"]
    assert plain["summary"]["judged"] == 50
    assert "mouthPucker" in found.as_text()


def test_by_timecode_a_common_delay_is_told(phone: Path, tmp_path: Path) -> None:
    take = take_of(tmp_path, later_s=0.2)
    request = Request(phone, take, start_timecode=timecode(round((START_S - 0.1) * 1e9)))
    found = compare(request)
    assert found.alignment.by == "timecode"
    assert found.alignment.offset_s == pytest.approx(0.1, abs=0.002)
    lags = {s.name: s.lag_ms for s in found.scores}
    assert lags["eyeBlinkLeft"] == pytest.approx(100.0, abs=12)
    with pytest.raises(RequestError, match=r"share 0\.0 s"):
        compare(replace(request, start_timecode="01:00:00:00.000"))
    with pytest.raises(RequestError, match="expected HH:MM:SS"):
        compare(replace(request, start_timecode="soon"))
    with pytest.raises(RequestError, match="carries no timecode"):
        compare(Request(phone, take, align="timecode"))
    with pytest.raises(RequestError, match="choose auto"):
        compare(Request(phone, take, align="guess"))  # type: ignore[arg-type]
    with pytest.raises(RequestError, match="there are: 3"):
        compare(Request(phone, take, face=8))


def test_another_performance_is_refused(phone: Path, tmp_path: Path) -> None:
    t = np.arange(150) / 30
    rng = np.random.default_rng(0)
    take = write_take(tmp_path, t, np.clip(rng.normal(0.5, 0.2, (150, 52)), 0, 1))
    with pytest.raises(RequestError, match="do not fit"):
        compare(Request(phone, take))


def test_columns_are_found_by_name_and_midnight_does_not_matter(tmp_path: Path) -> None:
    t = np.arange(120) / 60
    around = (86399.0 + t) % 86400.0
    file = write_csv(tmp_path / "a.csv", around, acted(t), last_columns_first=True)
    found = read_livelink(file)
    np.testing.assert_allclose(found.weights, acted(t), atol=1e-9)
    np.testing.assert_allclose(found.t_s - found.t_s[0], t, atol=1e-4)
    swapped = read_livelink(file, swap_mouth_sides=True).weights
    np.testing.assert_array_equal(swapped[:, NAMES.index("mouthLeft")], found.weights[:, NAMES.index("mouthRight")])


def test_damaged_files_are_named(phone: Path, tmp_path: Path) -> None:
    text = phone.read_text(encoding="utf-8")
    cases = {
        "there is": None,
        "no column": text.replace("JawOpen", "JawWide", 1),
        "line 3: no timecode": text.replace("\n10:", "\nten:", 2).replace("\nten:", "\n10:", 1),
        "is no number": text[: text.rindex("\n", 0, -1)] + "\n10:00:01:00.000,61,abc\n",
        "is no weight": text[: text.rindex("\n", 0, -1)] + "\n10:00:01:00.000,61,nan\n",
        "at least two": "\n".join(text.splitlines()[:2]),
    }
    for message, content in cases.items():
        file = tmp_path / "bad.csv"
        if content is None:
            file, message = tmp_path / "none.csv", "cannot be read"
        else:
            file.write_text(content, encoding="utf-8")
        with pytest.raises(SourceError, match=message):
            read_livelink(file)
    short = "\n".join([*text.splitlines(), "10:00:07:00.000,0"])
    (tmp_path / "lost.csv").write_text(short, encoding="utf-8")
    assert np.isnan(read_livelink(tmp_path / "lost.csv").weights[-1]).all()


def test_timecodes() -> None:
    assert timecode_s("01:02:03:30.500") == pytest.approx(3723 + 30.5 / 60)
    assert timecode_s("00:00:01:15", 30) == pytest.approx(1.5)
    assert timecode_s("1.5") is None


def test_timecode_of_a_video(tmp_path: Path) -> None:
    for name, tag in (("with.mov", "10:00:00:15"), ("without.mov", None)):
        with av.open(str(tmp_path / name), "w") as container:
            if tag:
                container.metadata["timecode"] = tag
            stream = container.add_stream("mpeg4", rate=30)
            stream.width = stream.height = 64
            for _ in range(3):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))))
            container.mux(stream.encode())
    assert video_timecode_s(tmp_path / "with.mov") == pytest.approx(36000.5)
    assert video_timecode_s(tmp_path / "without.mov") is None
    (tmp_path / "no.mov").write_bytes(b"no video")
    with pytest.raises(SourceError, match="cannot be opened"):
        video_timecode_s(tmp_path / "no.mov")


def test_nothing_is_interpolated_over_a_gap() -> None:
    t = np.array([0.0, 0.03, 0.5, 0.53])
    values = np.array([[0.0], [0.3], [0.5], [np.nan]])
    found = resampled(t, values, np.array([-0.01, 0.0, 0.01, 0.03, 0.2, 0.5, 0.51, 0.6]))[:, 0]
    np.testing.assert_allclose(found, [np.nan, 0.0, 0.1, 0.3, np.nan, 0.5, np.nan, np.nan], atol=1e-12)


def test_shift_and_agreement_of_known_curves() -> None:
    t = np.arange(400) / 60
    one = acted(t)
    assert best_shift(one[37:337], one) == pytest.approx(37.0, abs=0.05)
    assert best_shift(one, one[37:337]) == pytest.approx(-37.0, abs=0.05)
    assert agreement(one, one) == pytest.approx(1.0)
    assert np.isnan(agreement(one * 0, one))
    with pytest.raises(RequestError, match="nothing to align by"):
        best_shift(one * 0, one)


def test_scores_tell_still_from_dead() -> None:
    t = np.arange(200) / 30
    truth = np.stack([np.sin(t), np.sin(t), 0.01 * np.sin(t), np.sin(t)], axis=1)
    answer = np.stack([np.sin(t) + 0.2, np.zeros(200), np.sin(t), np.full(200, np.nan)], axis=1)
    scores = score_curves([Curves("a", 30.0, truth, answer)], "abcd", 1.0)
    assert [s.verdict for s in scores] == ["follows", "dead", "still", "never measured"]
    assert scores[0].mae == pytest.approx(0.2)
    assert scores[0].lag_ms == pytest.approx(0.0, abs=2)
    assert summary(scores)["mean_r"] == pytest.approx(0.5, abs=1e-3)
    two = [Curves("a", 30.0, truth[:100], truth[:100]), Curves("b", 30.0, truth[100:], 1 + truth[100:])]
    apart = score_curves(two, "abcd", 1.0)[0]
    assert apart.r_clip == pytest.approx(1.0)
    assert apart.r < 0.9


def test_a_take_without_shapes_is_refused() -> None:
    bare = FrameRecord(Stamp("x", 0, 0), (4, 4), None, (Face(Box(np.array([0, 0, 1, 1]), 1.0), 1),))
    with pytest.raises(RequestError, match="no face"):
        measured_face([bare])
