"""Counting over clips: who is found, who keeps the id, what is found where nobody is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mien.core.measures import Box
from mien.core.record import Face, FrameRecord, Stamp
from mien.errors import SourceError
from mien.lab.evaluate.clips import clip_figures, clip_table, clips_in, known_clips, people_by_frame

CLIPS = Path(__file__).parents[4] / "shared" / "data" / "clips"


def record(index: int, *ids: int) -> FrameRecord:
    faces = tuple(Face(Box(np.array([0, 0, 9, 9], np.float32), 0.9), track_id=i) for i in ids)
    return FrameRecord(Stamp("clip", index, index * 33_000_000), (64, 48), None, faces)


def test_frames_people_and_ids_are_counted() -> None:
    frames = [record(0, 0), record(1), record(2), record(3, 0), record(4, 1, 2), record(5, 1)]
    made = clip_figures("unknown.mp4", "p", frames)
    assert (made.frames, made.with_face, made.found) == (6, 6, 4)
    assert (made.people_frames, made.people_found) == (6, 4)
    assert (made.ids, made.people, made.too_many, made.false) == (3, 1, 1, 0)
    assert made.longest_gap == 2


def test_faces_where_nobody_is_are_false() -> None:
    frames = [record(i, 0) if i < 74 else record(i) for i in range(169)]
    made = clip_figures("face_noface.mov", "p", frames)
    assert (made.with_face, made.found, made.false) == (72, 72, 2)
    assert made.ids == 1
    text = clip_table([made])
    assert "| face_noface.mov | p | 72 of 169 | 100.0 % | 100.0 % | 1 (1) | 0 | 2 | 0 |" in text
    assert "| **all** | p | 72 of 169 |" in text


def test_a_clip_without_anybody_has_no_share() -> None:
    made = clip_figures("no_face.mp4", "p", [record(i) for i in range(95)])
    assert "| – | – | 0 (0) |" in clip_table([made])


def test_what_is_known_about_clips_is_sound() -> None:
    for name, entry in known_clips().items():
        assert set(entry) <= {"faces", "shown", "note"}
        last = -1
        for first, end, people in entry["faces"]:
            assert last < first <= end, name
            assert people > 0
            last = end
    assert people_by_frame("classroom.gif", 45).tolist() == [4] * 45


def test_places_without_clips_are_named(tmp_path: Path) -> None:
    (tmp_path / "b.gif").touch()
    (tmp_path / "a.txt").touch()
    assert clips_in([tmp_path]) == [tmp_path / "b.gif"]
    with pytest.raises(SourceError, match="no clip"):
        clips_in([tmp_path / "a.txt"])
    with pytest.raises(SourceError, match="is not there"):
        clips_in([tmp_path / "c"])


@pytest.mark.shared
@pytest.mark.skipif(not CLIPS.is_dir(), reason="no shared clips beside the checkout")
def test_the_known_clips_have_as_many_frames_as_is_known_of_them() -> None:
    from mien.sources.opening import open_source

    for path in clips_in([CLIPS]):
        ranges = known_clips()[path.name]["faces"]
        if path.suffix == ".gif":
            assert sum(1 for _ in open_source(path)) == ranges[-1][1] + 1
