from __future__ import annotations

import base64
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from sample_takes import HEADER, face, record, store

from mien.core.measures import ActionUnits, HeadPose, Quality
from mien.core.record import Event
from mien.errors import SinkError
from mien.pipeline.stage import SourceInfo, TakeSummary
from mien.sinks.overlay import OverlayOptions, OverlaySink
from mien.sinks.report import export
from mien.sinks.report_charts import Curve, chart
from mien.sinks.report_pictures import moments_of
from mien.sinks.take_facts import facts_of
from mien.sinks.take_judgement import judged

FAST_NS = 20_000_000
COUNT = 120
"""Long enough to learn how a face looks at rest."""


class Strict(HTMLParser):
    """Collects tags and attributes; complains about tags that are not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def moving(count: int = COUNT) -> list:
    return [
        record(
            i,
            face(units={"AU12_L": 4 * (i // 3 == 10), "AU12_R": 3 * (i // 3 == 10)}, shapes={"jawOpen": i / count}),
            image=True,
            t_ns=i * FAST_NS,
        )
        for i in range(count)
    ]


def page(take, path: Path) -> Strict:
    assert export(take, path) == [path]
    return Strict(path.read_text(encoding="utf-8"))


def test_the_page_stands_alone_and_is_well_formed(tmp_path: Path) -> None:
    records = moving()
    event = Event("micro", 1, 3 * FAST_NS, 5 * FAST_NS, 9 * FAST_NS, 0.8, ("AU4_L",), "anger")
    records[10] = replace(records[10], events=(event,))
    html = page(store(tmp_path, records), tmp_path / "report.html")
    for tag, attributes in html.seen:
        assert tag not in ("link", "iframe", "object")
        for name in ("src", "href", "action"):
            assert (attributes.get(name) or "data:").startswith("data:"), (tag, attributes)
    assert "url(" not in (tmp_path / "report.html").read_text()
    for words in ("100.0 %", "clip.mp4", "anger", "AU12 4.0", "detect", "Nothing stands out"):
        assert words in html.text
    assert sum(tag == "svg" for tag, _ in html.seen) == 4
    assert sum(tag == "figure" for tag, _ in html.seen) == 2, "the smile, and how the face looks the rest of the time"


def test_text_from_the_take_is_escaped(tmp_path: Path) -> None:
    name = "<script>alert(1)</script>.mp4"
    take = store(tmp_path, moving(5), source=SourceInfo(name, "video"), config={"</pre><b>": "<i>"})
    html = page(take, tmp_path / "report.html")
    assert name in html.text
    assert sum(tag == "script" for tag, _ in html.seen) == 1


def pictures(path: Path) -> list[np.ndarray]:
    data = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', path.read_text())
    return [cv2.imdecode(np.frombuffer(base64.b64decode(d), np.uint8), cv2.IMREAD_COLOR) for d in data]


@pytest.mark.parametrize("pixels", [True, False])
def test_pixels_are_shown_only_if_the_take_may_hold_them(tmp_path: Path, pixels: bool) -> None:
    white = np.full((80, 96, 3), 255, np.uint8)
    records = [
        record(i, face(units={"AU1_L": i % 4, "AU12_L": i // 4}), image=True, t_ns=i * FAST_NS) for i in range(12)
    ]
    records = [replace(r, image=white) for r in records]
    sink = OverlaySink(OverlayOptions(character=False), folder=tmp_path)
    sink.open(HEADER)
    for one in records:
        sink.write(one)
    sink.close(TakeSummary("complete", 12))
    take = store(tmp_path, records, pixels=pixels)
    page(take, tmp_path / "report.html")
    faces = pictures(tmp_path / "report.html")[::2]
    assert len(faces) >= 4
    brightness = [float(np.median(f[2:16, 60:200])) for f in faces]
    assert min(brightness) > 200 if pixels else max(brightness) < 60


def test_a_photo_gets_bars_instead_of_curves(tmp_path: Path) -> None:
    take = store(tmp_path, [record(0, face(1, units={"AU12_L": 2.5}), face(2, shapes={"jawOpen": 0.5}))])
    html = page(take, tmp_path / "report.html")
    assert not any(tag == "svg" for tag, _ in html.seen)
    assert "AU12_L" in html.text
    assert "jawOpen" in html.text


@pytest.mark.parametrize("records", [[], [record(i) for i in range(5)]])
def test_a_take_without_faces_has_a_report(tmp_path: Path, records: list) -> None:
    html = page(store(tmp_path, records), tmp_path / "report.html")
    assert "0.0 %" in html.text


def said(tmp_path: Path, records: list, summary: TakeSummary | None = None) -> str:
    return " | ".join(judged(store(tmp_path, records, summary or TakeSummary("complete", 0))).warnings)


def clip(count: int = COUNT, step_ns: int = FAST_NS, **more: object) -> list:
    return [record(i, face(**more), t_ns=i * step_ns) for i in range(count)]  # type: ignore[arg-type]


def test_a_good_take_has_no_warnings(tmp_path: Path) -> None:
    assert said(tmp_path, clip()) == ""


@pytest.mark.parametrize(
    ("records", "words"),
    [
        (clip(step_ns=66_000_000), "Low frame rate (15.2"),
        (clip(head=(40.0, 0.0, 0.0)), "more than 30° in 100%"),
        (clip(quality=Quality(10.0, 120.0, 160.0)), "blurred in 100%"),
        (clip(quality=Quality(100.0, 20.0, 160.0)), "dark in 100%"),
        (clip(quality=Quality(100.0, 240.0, 160.0)), "overexposed in 100%"),
        (clip(quality=Quality(100.0, 120.0, 40.0)), "small (40 px)"),
        ([record(i, *[face()] * (i % 4 > 0), t_ns=i * FAST_NS) for i in range(COUNT)], "No face in 25%"),
        ([record(i, t_ns=i * FAST_NS) for i in range(5)], "No face was found in any of the 5 frames"),
        (
            [record(i, face(1 + i // 30), t_ns=i * FAST_NS) for i in range(COUNT)],
            "4 track ids, but never more than 1 face ",
        ),
        (
            [record(i, face(), t_ns=i * FAST_NS + (i % 3 == 0) * 12_000_000) for i in range(COUNT)],
            "Variable frame rate",
        ),
        ([], "no frames"),
    ],
)
def test_warnings_say_what_is_wrong(tmp_path: Path, records: list, words: str) -> None:
    assert words in said(tmp_path, records)


@pytest.mark.parametrize(
    ("records", "words"),
    [
        (
            [record(i, *[face()] * (i % 5 == 0), t_ns=i * 33_000_000) for i in range(COUNT)],
            "hardly of use: a face was found in 24 frames of 120 only",
        ),
        (clip(step_ns=33_000_000, quality=Quality(10.0, 20.0, 160.0)), "hardly of use: the face is dark in 100%"),
    ],
)
def test_a_worthless_take_is_called_so_first_and_praised_for_nothing(tmp_path: Path, records: list, words: str) -> None:
    verdict = judged(store(tmp_path / "take", records))
    assert words in verdict.warnings[0]
    assert verdict.notes == []
    assert sum("dark" in line for line in verdict.warnings) <= 1
    assert not any("blurred" in line for line in verdict.warnings), "dark, which says nothing about blur"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"quality": Quality(10.0, 20.0, 160.0)}, "The face is dark: points and expressions are less exact"),
        ({"quality": Quality(10.0, 120.0, 160.0)}, "The face is blurred: small movements"),
        ({"quality": Quality(100.0, 240.0, 160.0)}, "The face is overexposed: reduce"),
        ({"head": (40.0, 0.0, 0.0)}, "turned by more than 30°: values"),
    ],
)
def test_of_one_picture_nothing_is_said_in_shares_of_frames(
    tmp_path: Path, more: dict[str, object], words: str
) -> None:
    records = [record(0, face(**more))]  # type: ignore[arg-type]
    lines = judged(store(tmp_path, records, source=SourceInfo("a.jpg", "photo"))).warnings
    assert [words in line for line in lines].count(True) == 1
    assert not any("hardly of use" in line or "%" in line or "record" in line for line in lines)


def test_how_much_is_blurred_is_a_share_of_what_is_not_dark(tmp_path: Path) -> None:
    """60 dark frames say nothing about blur; of the 60 others 15 are blurred: more than a fifth."""
    quality = [Quality(10.0, 20.0, 160.0)] * 60 + [Quality(10.0, 120.0, 160.0)] * 15
    quality += [Quality(100.0, 120.0, 160.0)] * 45
    text = said(tmp_path, [record(i, face(quality=q), t_ns=i * FAST_NS) for i, q in enumerate(quality)])
    assert "blurred in 25% of its frames that are not dark" in text
    assert "dark in 50%" in text


def test_without_any_face_nothing_is_praised(tmp_path: Path) -> None:
    assert judged(store(tmp_path / "take", [record(i, t_ns=i * 33_000_000) for i in range(COUNT)])).notes == []


def test_two_people_are_two_ids(tmp_path: Path) -> None:
    assert said(tmp_path, [record(i, face(1), face(2), t_ns=i * FAST_NS) for i in range(COUNT)]) == ""


def test_an_unfinished_take_says_so(tmp_path: Path) -> None:
    assert "failed: no disk" in said(tmp_path, clip(), TakeSummary("failed", 0, problem="no disk"))


NOWHERE = HeadPose(np.full((3, 3), np.nan), np.full(3, np.nan), np.nan, 0.0)
UNMEASURED = {
    "head pose": {"head_pose": NOWHERE},
    "action units": {"action_units": ActionUnits.of(np.full(42, np.nan), np.zeros(42))},
    "blendshapes": {"blendshapes": None},
    "sharpness and light": {"quality": None},
}


@pytest.mark.parametrize("what", UNMEASURED)
def test_what_was_not_measured_is_said(tmp_path: Path, what: str) -> None:
    lost = replace(face(), **UNMEASURED[what])  # type: ignore[arg-type]
    for folder, every, words in (("a", 1, "in any frame of the face"), ("b", 4, "in 25% of the face's frames")):
        records = [record(i, face() if i % every else lost, t_ns=i * FAST_NS) for i in range(COUNT)]
        assert said(tmp_path / folder, records) == f"Not measured {words}: {what}."
    few = [record(i, lost if i == 3 else face(), t_ns=i * FAST_NS) for i in range(COUNT)]
    assert said(tmp_path / "c", few) == ""


def test_nan_quality_is_not_measured_and_nothing_else(tmp_path: Path) -> None:
    nothing = Quality(float("nan"), float("nan"), float("nan"))
    assert said(tmp_path, clip(quality=nothing)) == "Not measured in any frame of the face: sharpness and light."


def test_the_longest_gap_is_the_longest_in_time(tmp_path: Path) -> None:
    """Three frames of 10 ms are a shorter gap than two of 400 ms."""
    stamps = np.cumsum([10_000_000] * 30 + [400_000_000] * 10)
    gone = {5, 6, 7, 32, 33}
    records = [record(i, *[face()] * (i not in gone), t_ns=int(t)) for i, t in enumerate(stamps)]
    assert "the longest gap lasts 0.80 s and begins at 0:01.490." in said(tmp_path, records)


def test_moments_are_spread_over_time_not_over_frames(tmp_path: Path) -> None:
    stamps = np.concatenate([np.arange(90) * 10_000_000, (1 + np.arange(10)) * 10**9])
    names = ("AU1_L", "AU2_L", "AU4_L", "AU5_L", "AU6_L", "AU7_L", "AU9_L", "AU10_L", "AU12_L", "AU15_L")
    faces = [face(units={names[min(9, int(t // 10**9))]: 3.0}) for t in stamps]
    take = store(tmp_path, [record(i, f, t_ns=int(t)) for i, (f, t) in enumerate(zip(faces, stamps, strict=True))])
    moments = moments_of(facts_of(take))
    assert [m.t_ns // 10**9 for m in moments] == [0, *range(1, 10)]


def test_a_peak_of_one_frame_survives_the_reduction() -> None:
    values = np.zeros(30_000, np.float32)
    values[12_345] = 4.0
    values[20_000:21_000] = np.nan
    svg = str(chart(np.arange(30_000) / 100, [Curve("AU12_L", values, 0)], (0.0, 5.0), peaks=True))
    heights = [float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", svg)]
    assert min(heights) == pytest.approx(8 + 0.2 * 158, abs=0.2)
    assert svg.count("M") == 2, "a gap interrupts the curve"


def test_a_report_that_cannot_be_written_is_a_sink_error(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"report\.html"):
        export(store(tmp_path, clip(3)), tmp_path / "no" / "report.html")


def test_a_moment_that_looks_like_another_is_left_out(tmp_path: Path) -> None:
    """A smile held for three seconds, then brows, then the smile again a little weaker: two moments and the rest."""
    expressions = [{"AU12_L": 4.0}] * 150 + [{}] * 200 + [{"AU1_L": 3.0}] * 50 + [{"AU12_L": 3.8}] * 50
    take = store(tmp_path, [record(i, face(units=u), t_ns=i * FAST_NS) for i, u in enumerate(expressions)])
    assert sorted(m.label for m in moments_of(facts_of(take))) == ["AU1 3.0", "AU12 4.0", "neutral"]


def test_one_picture_shows_what_was_measured_and_says_that_the_face_at_rest_is_unknown(tmp_path: Path) -> None:
    take = store(tmp_path, [record(0, face(units={"AU12_L": 5.0}))], source=SourceInfo("a.jpg", "photo"))
    html = page(take, tmp_path / "report.html")
    assert "AU12 5.0" in html.text
    assert "neutral" not in html.text
    assert "Nothing stands out" not in html.text
    assert "in one picture only: how it looks at rest is not known" in html.text


def test_an_ordinary_frame_rate_is_a_note(tmp_path: Path) -> None:
    take = store(tmp_path, clip(step_ns=33_366_667))
    assert judged(take).warnings == []
    assert judged(take).notes == ["29.97 frames per second: enough for expressions; micro-expressions need 50 or more."]
    html = page(take, tmp_path / "report.html")
    assert "Nothing stands out" in html.text
    assert "29.97 frames per second" in html.text


@pytest.mark.parametrize(
    ("steps_ms", "words"),
    [
        ([33.3, 41.7, 41.7] * 40, ""),
        ([40.0] * 60 + [41.0] * 60, ""),
        ([16.7, 50.0, 16.7] * 60, "Variable frame rate: 17–50 ms"),
        ([20.0] * 110 + [900.0, *[20.0] * 9], "Frames are missing: 1 gap, the longest of 900 ms at 0:02.200"),
    ],
)
def test_time_between_frames_is_spoken_of_where_it_matters(tmp_path: Path, steps_ms: list[float], words: str) -> None:
    stamps = np.cumsum([0.0, *steps_ms]) * 1e6
    records = [record(i, face(), t_ns=round(t)) for i, t in enumerate(stamps)]
    text = said(tmp_path / "video", records)
    assert text.startswith(words) if words else text == ""
    folder = judged(store(tmp_path / "folder", records, source=SourceInfo("folder", "images")))
    assert folder.warnings == [], "the times of a folder of pictures are made up"


def test_three_pictures_say_nothing_about_time(tmp_path: Path) -> None:
    records = [record(i, face(), t_ns=t) for i, t in enumerate((0, 40_000_000, 120_000_000))]
    assert "rate" not in said(tmp_path, records)


def test_with_a_profile_the_face_at_rest_is_known(tmp_path: Path) -> None:
    one = clip()[:1]
    config = {**HEADER.config, "action_units": {"use": "action_units/fused", "profile": "me.toml"}}
    plain, known = (judged(store(tmp_path / n, one, **c)).warnings for n, c in (("a", {}), ("b", {"config": config})))
    assert "how it looks at rest is not known" in " ".join(plain)
    assert "how it looks at rest is not known" not in " ".join(known)


def test_a_failed_capture_is_said_in_words(tmp_path: Path) -> None:
    assert "The capture failed: no disk." in said(tmp_path / "a", clip(), TakeSummary("failed", 0, problem="no disk"))
    assert "The capture was interrupted." in said(tmp_path / "b", clip(), TakeSummary("interrupted", 0))
