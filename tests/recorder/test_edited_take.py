"""A take after its edits: exporters see the edits, the take's own file never changes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from mien.animate.edits import AnyOperation, Edits, Fill, Gain, Mirror, Trim
from mien.cli.main import main
from mien.errors import RequestError, SourceError
from mien.recorder.edited_take import EDITS_FILE, EditedTake, mirrored, read_edits, write_edits
from mien.recorder.export_take import ExportRequest, export_take
from mien.take.reader import Take, load_take
from small_takes import FIRST_NS, JAW, STEP_NS, WIDE, write_take

COUNT = 25


def keep(take: Take, *operations: AnyOperation, done: int | None = None) -> Edits:
    """Write these edits and read them again."""
    edits = read_edits(take).model_copy(
        update={"operations": list(operations), "done": len(operations) if done is None else done}
    )
    write_edits(take, edits)
    return read_edits(take)


def jaws(take: Take) -> list[float]:
    return [float(r.faces[0].blendshapes.values[JAW]) for r in take.records()]  # type: ignore[union-attr]


def test_the_raw_take_never_changes_and_undone_edits_do_not_count(tmp_path: Path) -> None:
    take = load_take(write_take(tmp_path / "a", COUNT))
    before = take.path.read_bytes()
    halved = keep(take, Gain(gain=0.5), Gain(gain=0.0), done=1)
    assert jaws(EditedTake(take, halved)) == pytest.approx([0.5 * i / 24 for i in range(COUNT)], abs=1e-6)
    assert jaws(take) == pytest.approx([i / 24 for i in range(COUNT)], abs=1e-6)
    assert take.path.read_bytes() == before
    assert len(halved.operations) == 2, "what was undone can be done again"


def test_a_trimmed_take_is_shorter_and_keeps_its_times(tmp_path: Path) -> None:
    take = load_take(write_take(tmp_path / "a", COUNT))
    trimmed = EditedTake(take, keep(take, Trim(start_ns=FIRST_NS + 5 * STEP_NS, end_ns=FIRST_NS + 9 * STEP_NS)))
    assert len(trimmed) == 5
    assert [r.stamp.index for r in trimmed.records()] == [5, 6, 7, 8, 9]


def test_filled_values_have_no_confidence_and_others_keep_theirs(tmp_path: Path) -> None:
    take = load_take(write_take(tmp_path / "a", COUNT, gaps=(7, 8)))
    rows = list(EditedTake(take, keep(take, Fill())).records())
    filled, measured = (rows[i].faces[0].blendshapes for i in (7, 6))
    assert filled is not None
    assert measured is not None
    assert filled["jawOpen"] == pytest.approx(7 / 24, abs=1e-6)
    assert filled.confidence[JAW] == 0.0
    assert measured.confidence[JAW] == 0.5


def test_mirroring_turns_head_eyes_points_and_shapes(tmp_path: Path) -> None:
    take = load_take(write_take(tmp_path / "a", COUNT))
    raw = list(take.records())[12].faces[0]
    found = list(EditedTake(take, keep(take, Mirror())).records())[12].faces[0]
    for one in (raw, found):
        assert one.head_pose is not None
        assert one.landmarks is not None
        assert one.blendshapes is not None
        assert one.gaze is not None
    assert found.head_pose.yaw_pitch_roll_deg == pytest.approx(raw.head_pose.yaw_pitch_roll_deg * [-1, 1, -1], abs=1e-3)
    assert found.head_pose.translation_mm.tolist() == [-10, 0, 600]
    assert found.blendshapes["eyeBlinkRight"] == raw.blendshapes["eyeBlinkLeft"] == 1.0
    assert found.gaze.left_yaw_pitch_deg.tolist() == [-4, 1]
    assert found.landmarks.xy[32, 0] == pytest.approx(WIDE - 1 - raw.landmarks.xy[0, 0])
    twice = mirrored(mirrored(raw, WIDE), WIDE)
    assert (twice.landmarks.xy == raw.landmarks.xy).all()  # type: ignore[union-attr]
    assert twice.box.xyxy.tolist() == raw.box.xyxy.tolist()


def test_exports_have_the_edits_only_when_asked(tmp_path: Path) -> None:
    take = load_take(write_take(tmp_path / "a", COUNT))
    keep(take, Gain(shapes=["jawOpen"], gain=0.0))
    for wanted, top in ((False, 1.0), (True, 0.0)):
        out = tmp_path / f"{wanted}.json"
        export_take(ExportRequest(take.path, ("json",), out, edited=wanted))
        text = json.loads(out.read_text())
        assert _largest(text, "jawOpen") == pytest.approx(top, abs=1e-4)


def _largest(clip: object, shape: str) -> float:
    """The largest value of a shape in Mien's JSON clip."""
    assert isinstance(clip, dict)
    column = clip["names"].index(shape)
    return max(frame["weights"][column] for frame in clip["frames"])


def test_foreign_and_damaged_edits_are_one_clear_error(tmp_path: Path) -> None:
    take = load_take(write_take(tmp_path / "a", COUNT))
    other = load_take(write_take(tmp_path / "b", COUNT - 1))
    with pytest.raises(RequestError, match="another take"):
        write_edits(take, read_edits(other))
    with pytest.raises(RequestError, match="jawOpn"):
        keep(take, Gain(shapes=["jawOpn"]))
    with pytest.raises(RequestError, match="2 edits done of 1"):
        keep(take, Mirror(), done=2)
    assert not (tmp_path / "a" / EDITS_FILE).exists()
    keep(other, Mirror())
    (tmp_path / "b" / EDITS_FILE).rename(tmp_path / "a" / EDITS_FILE)
    with pytest.raises(SourceError, match="belongs to another take"):
        read_edits(take)
    for damaged in (b"", b"{", b"[]", b'{"format": 2, "frames": 25, "first_ns": 0}', b"\xff\xfe"):
        (tmp_path / "a" / EDITS_FILE).write_bytes(damaged)
        with pytest.raises(SourceError, match="is no list of edits"):
            read_edits(take)


def test_the_command_exports_with_edits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    take = load_take(write_take(tmp_path / "a", COUNT))
    keep(take, Gain(gain=0.0))
    out = tmp_path / "out.json"
    monkeypatch.setattr(sys, "argv", ["mien", "export", str(take.path), "--to", "json", "--out", str(out), "--edited"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert _largest(json.loads(out.read_text()), "jawOpen") == 0.0
