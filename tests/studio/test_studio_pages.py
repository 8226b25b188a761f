"""The pages in a real Chromium: they look as they did, every edit works, and the keyboard is enough."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from browsing import chromium, missing, played, served
from likeness import likeness
from PIL import Image
from spoiled import write_spoiled

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))

KEPT = Path(__file__).parent / "looks"
LOOKS = ("takes", "editor", "editor-dark", "avatars", "perform", "calibrate-dark", "live")
KEPT_SIZE = 683, 384


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A studio with the take "spoiled". What a test changes of it is undone when the test ends."""
    takes = tmp_path_factory.mktemp("takes")
    write_spoiled(takes / "spoiled")
    with served(takes) as at:
        yield at


def seen_in(script: str, address: str, folder: Path) -> dict[str, Any]:
    browser = chromium()
    assert browser is not None
    return played(script, address, browser, str(folder))


def test_pages_look_as_they_did(address: str, tmp_path: Path) -> None:
    """Where the change is meant: `MIEN_KEEP_LOOKS=1 pytest FILE -k look`, look at what it keeps, and commit that."""
    seen = seen_in("looks.mjs", address, tmp_path)
    assert tuple(seen["looks"]) == LOOKS
    unlike = {}
    for name, character in seen["looks"].items():
        now = Image.open(tmp_path / f"{name}.png").convert("RGB")
        kept = KEPT / f"{name}.jpg"
        if os.environ.get("MIEN_KEEP_LOOKS"):
            now.resize(KEPT_SIZE, Image.Resampling.LANCZOS).save(kept, quality=80, optimize=True)
        found = likeness(now, Image.open(kept), character)
        if not found.same:
            unlike[name] = found
    assert not unlike, f"compare the pictures in {tmp_path} with those in {KEPT}"


def test_every_edit_is_done_undone_and_done_again(address: str, tmp_path: Path) -> None:
    seen = seen_in("editing.mjs", address, tmp_path)
    assert {k: (v["before"], v["after"]) for k, v in seen["operations"].items()} == {
        "despike": ([0.95, 0.3], [0.3, 0.3]),
        "fill": ([None], [0.4]),
        "smooth": ([0.6, 0.6], [0.4, 0.6]),
        "gain": ([0.5, 0.3], [0.7, 0.3]),
        "reduce": ([0.33], [0.36]),
        "mirror": ([0.48], [0.0]),
        "trim": ([0.3, 0.5, 0.5], [None, 0.5, None]),
    }
    for one in seen["operations"].values():
        assert one["undone"] == one["before"][:1]
        assert one["redone"] == one["after"][:1]
    assert seen["operations"]["fill"]["said"] == "Fill gaps up to 500 ms: 4 shapes"
    assert seen["refusedTrim"].startswith("Select a span")

    spans = {name: last - first for name, (first, last) in seen["zoom"].items()}
    assert spans["buttons"] == pytest.approx(0.36 * spans["whole"], abs=0.05)
    assert spans["wheel"] < 0.7 * spans["buttons"]
    assert spans["moved"] == pytest.approx(spans["wheel"], abs=0.03)
    assert seen["zoom"]["moved"][0] > seen["zoom"]["wheel"][0] + 0.3
    assert seen["zoom"]["back"] == seen["zoom"]["whole"]
    assert [frame for _, frame, _ in seen["scrub"]] == [29, 49, 79, 59]
    for time_s, _, video_s in seen["scrub"]:
        assert video_s == pytest.approx(time_s, abs=0.04)

    assert all(row == character == video for row, character, video in seen["still"]), "at rest both show one frame"
    away = [abs(character - int(25 * video_s)) for character, video_s, _ in seen["steps"]]
    pictures = [abs(character - number) for character, _, number in seen["steps"]]
    assert len(away) >= 12
    assert max(median(away), median(pictures)) <= 1, "the video and the character play in step"
    assert sum(far <= 2 for far in pictures) >= 0.8 * len(pictures), "a busy machine may miss a picture"
    assert seen["paused"]


def test_the_keyboard_is_enough(address: str, tmp_path: Path) -> None:
    seen = seen_in("keyboard.mjs", address, tmp_path)
    assert set(seen["pages"]) == {"live", "takes", "perform", "avatars", "calibrate", "takes/spoiled"}
    for name, page in seen["pages"].items():
        assert page["wanted"] >= 9, name
        assert {k: v for k, v in page.items() if k != "wanted"} == {
            "missed": [],
            "unseen": [],
            "away": [],
            "unnamed": [],
        }
    assert min(seen["wouldSee"]) > 0
    assert seen["skipped"] == "main"
    assert seen["pointsHidden"]
    assert seen["frames"] == [0, 1, 2, 12, 11, 99, 89]
    assert seen["words"].startswith("happiness 0.80 at 0.1s for 2.1s")
    assert seen["notes"] == 0
    assert seen["sent"] == [["start", "demo", "balanced"], ["calibrate", "demo", "balanced"]]
    assert seen["preset"] == "micro"
    assert any("too slow for micro-expressions" in w or "many are missed" in w for w in seen["warnings"])
    assert "None so far" in seen["strip"][2] or " ms" in seen["strip"][2]
