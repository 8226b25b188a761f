"""The studio in a real headless Chromium: live, drop a character, edit and undo, export, reload and find it again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from browsing import chromium, missing, played, served
from dressed import vrm

from mien.action_units.guide import GUIDE
from mien.pipeline.stage import Span
from mien.sources.synthetic import Options, SyntheticSource
from mien.studio.frame_packer import jpeg
from mien.studio.rest_avatars import builtin_glb
from small_takes import write_take

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A studio of its own with one take."""
    write_take(tmp_path / "takes" / "one")
    with served(tmp_path / "takes") as at:
        yield at


def filmed() -> bytes:
    """Two seconds of the built-in clip as a camera's pictures, 640×480."""
    source = SyntheticSource(Options(frame_rate_hz=15), span=Span(end_ns=2_000_000_000))
    pictures = [record.image[60:540] for record in source if record.image is not None]
    return b"".join(jpeg(np.ascontiguousarray(p)) for p in pictures)


def test_everything_once(address: str, tmp_path: Path) -> None:
    character = tmp_path / "dropped.glb"
    character.write_bytes(builtin_glb())
    (tmp_path / "camera.mjpeg").write_bytes(filmed())
    for name, version in (("zero.vrm", 0), ("one.vrm", 1)):
        (tmp_path / name).write_bytes(vrm(version))
    browser = chromium()
    assert browser is not None
    seen = played("studio.mjs", address, browser, str(character), str(tmp_path))
    assert seen["state"] == "live"
    assert seen["picture"] > 0.3, "the built-in clip is seen"
    assert seen["character"] > 0.1, "the character is drawn"
    assert seen["units"] > 10
    assert seen["moods"] >= 8, "expressions, valence and arousal"
    assert seen["pictureInPrivate"] == 0
    assert seen["camera"][0] == "live"
    assert seen["camera"][1] > 0.3, "the picture of the browser's camera is seen"
    assert seen["report"] == "52"
    assert [kind.split(",")[0] for kind, _ in seen["vrm"]] == ["VRM 0", "VRM 1"]
    assert all(share > 0.1 for _, share in seen["vrm"]), "the characters are drawn"
    assert seen["mapping"] == "0.5 jawOpen"
    assert len(seen["history"]) == 2
    assert all(line.startswith("Gain × 1.2") for line in seen["history"])
    assert seen["preview"] == pytest.approx(0.9, abs=0.03), "the curve follows the pointer"
    assert seen["after"] == pytest.approx(seen["preview"], abs=0.011), "what was shown is what the edit does"
    assert seen["drawn"].startswith(("Move by +0.29", "Move by +0.30", "Move by +0.31"))
    assert "jawOpen 0.44–0.52 s" in seen["drawn"]
    assert seen["keyed"].startswith("Move by +0.09: jawOpen")
    assert seen["evidence"] == ["AU12 left1.51.51.5", "AU12 right1.51.51.5"]
    assert seen["steps"] == len(GUIDE)
    assert seen["asRead"] > 10, "shapes are shown while the person is watched"
    assert "→" in seen["compared"], "with the profile beside without"
    assert seen["differs"] > 0
    assert seen["quick"] == pytest.approx([-0.2, -0.2], abs=0.03), "the second drag begins where the first one ended"
    assert [line.split(":")[0] for line in seen["quickHistory"]] == ["Move by −0.30", "Move by +0.10"]
    assert seen["refusedSet"].startswith("Show the curves first")
    assert seen["quickCount"] == 2, "nothing was set"
    assert seen["notBegun"] == "Nothing new was begun. calibrate: too many orders"
    assert seen["canBegin"] == [True, False]
    assert seen["privacyRefused"] is False, "the switch shows what is so"
    assert seen["marksGone"] == 0
    assert (seen["connections"], seen["kept"]) == (2, True), "the page comes back with the take"
    assert seen["sticksOut"] == []
    assert max(seen["dark"]) < 60, "a dark page has a dark pane"
    assert seen["words"].startswith("happiness 0.85 at 0.1s for 2.0s, surprise 0.80 at ")
    exported = json.loads((tmp_path / "exported.json").read_text())
    assert exported["track_id"] == 1
