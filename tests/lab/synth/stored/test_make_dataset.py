"""`mien lab synth`: what is written reads back, stops and goes on, and is the same every time."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from mien.cli.lab import lab
from mien.errors import ConfigError, MienError, RequestError, SinkError
from mien.lab.datasets.dataset import open_dataset
from mien.lab.datasets.splits import hashed_split
from mien.lab.datasets.synthetic_clips import frame_labels
from mien.lab.rigs.builtin_rig import builtin_rig
from mien.lab.synth.render_sequence import CALM, render_sequence
from mien.lab.synth.stored import make
from mien.lab.synth.stored.blocks import part_path
from mien.lab.synth.stored.clips import sequence_of
from mien.lab.synth.stored.make import make_dataset
from mien.lab.synth.stored.order import Order, RigOrder
from mien.take.folder_lock import locked

SMALL = Order(task="landmarks", count=5, size_px=64, people=3)


def run(*arguments: object) -> tuple[int, str]:
    """Exit code and everything printed; an error that Mien raises on purpose is code 1."""
    result = CliRunner().invoke(lab, [str(a) for a in arguments])
    if result.exception is not None and not isinstance(result.exception, MienError | SystemExit):
        raise result.exception
    return result.exit_code, result.output + str(result.exception or "")


class Told:
    """Remembers what progress was told."""

    def __init__(self) -> None:
        self.begun: tuple[int, int] | None = None
        self.done = 0

    def started(self, done: int, total: int) -> None:
        self.begun = (done, total)

    def advance(self, samples: int) -> None:
        self.done += samples


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("synth") / "faces"
    make_dataset(SMALL, out, 0, False, Told())
    return out


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "manifest.json"):
        digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def test_reads_back_with_every_label(made: Path) -> None:
    dataset = open_dataset("synthetic", made)
    assert len(dataset) == 5
    assert not dataset.findings.problems
    for sample in dataset:
        assert sample.image().shape == (64, 64, 3)
        assert sample.split == hashed_split("synthetic", str(sample.subject))
        assert sample.landmarks_xy is not None
        assert np.isfinite(sample.landmarks_xy).all()
        assert sample.truth is not None
        assert sample.truth.blendshapes is not None
        assert sample.truth.action_units is not None
        assert sample.boxes_xyxy is not None
        left, top, right, bottom = sample.boxes_xyxy[0]
        x, y = sample.landmarks_xy[54]
        assert left < x < right
        assert top < y < bottom


def test_manifest_names_the_rig_and_the_order(made: Path) -> None:
    told = json.loads((made / "manifest.json").read_text())
    assert told["complete"] is True
    assert told["order"]["count"] == 5
    assert "built-in" in told["attribution"][0].lower() or "mien" in told["attribution"][0].lower()
    assert (made / "sheet.png").stat().st_size > 1000


def test_the_same_order_gives_the_same_bytes(made: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    make_dataset(SMALL, again, 0, False, Told())
    assert _digest(again) == _digest(made)


def test_the_number_of_processes_changes_nothing(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    larger = SMALL.model_copy(update={"count": 103})  # two blocks
    make_dataset(larger, tmp_path / "two", 2, False, Told())
    make_dataset(larger, tmp_path / "none", 0, False, Told())
    assert _digest(tmp_path / "two") == _digest(tmp_path / "none")


def test_a_lost_and_a_cut_picture_are_made_again(made: Path, tmp_path: Path) -> None:
    out = tmp_path / "faces"
    shutil.copytree(made, out)
    for damage in (lambda p: p.unlink(), lambda p: p.write_bytes(b"")):
        damage(out / "pictures" / "00000" / "0000001.jpg")
        assert make_dataset(SMALL, out, 0, True, Told()).new == 5
        assert _digest(out) == _digest(made)


def test_a_folder_is_written_by_one_at_a_time(tmp_path: Path) -> None:
    out = tmp_path / "faces"
    out.mkdir()
    with locked(out, "mien lab synth"), pytest.raises(RequestError, match="another mien lab synth"):
        make_dataset(SMALL, out, 0, False, Told())
    assert make_dataset(SMALL, out, 0, False, Told()).new == 5


def test_the_manifest_tells_no_place_on_the_machine(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    assert cv2.imwrite(str(photos / "a.png"), np.full((64, 64, 3), 120, np.uint8))
    order = SMALL.model_copy(update={"backgrounds": str(photos)})
    make_dataset(order, tmp_path / "faces", 0, False, Told())
    assert str(tmp_path) not in (tmp_path / "faces" / "manifest.json").read_text()
    assert cv2.imwrite(str(photos / "b.png"), np.full((64, 64, 3), 120, np.uint8))
    with pytest.raises(RequestError, match="backgrounds"):
        make_dataset(order, tmp_path / "faces", 0, True, Told())


def test_goes_on_where_it_stopped(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mien.lab.synth.stored.order.PICTURES_PER_BLOCK", 2)
    out = tmp_path / "faces"
    make_dataset(SMALL, out, 0, False, Told())
    whole = _digest(out)
    part_path(out, 1).write_bytes(part_path(out, 1).read_bytes()[:100])
    part_path(out, 2).unlink()
    shutil.rmtree(out / "pictures" / "00002")
    told = Told()
    make_dataset(SMALL, out, 0, True, told)
    assert told.begun == (2, 5)
    assert told.done == 3
    assert _digest(out) == whole
    larger = SMALL.model_copy(update={"count": 7})
    assert make_dataset(larger, out, 0, True, Told()).samples == 7
    with pytest.raises(RequestError, match="fewer"):
        make_dataset(SMALL, out, 0, True, Told())
    part_path(out, 3).unlink()  # as if --n 7 had been a slip that was stopped
    assert make_dataset(SMALL, out, 0, True, Told()).samples == 5


def test_another_order_or_a_foreign_folder_is_refused(made: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="--resume"):
        make_dataset(SMALL, made, 0, False, Told())
    with pytest.raises(RequestError, match="first_seed: there 0, asked 9"):
        make_dataset(SMALL.model_copy(update={"first_seed": 9}), made, 0, True, Told())
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(RequestError, match="not empty"):
        make_dataset(SMALL, tmp_path, 0, True, Told())
    assert (tmp_path / "letter.txt").read_text() == "mine"


def test_another_state_of_the_renderer_is_refused(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make, "state_of", lambda _: "other")
    with pytest.raises(RequestError, match="another state"):
        make_dataset(SMALL, made, 0, True, Told())


def test_a_full_disk_is_said_before_and_during(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SinkError, match="MB are needed"):
        make_dataset(Order(task="landmarks", count=10_000_000, size_px=1024), tmp_path / "huge", 0, False, Told())

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mien.lab.synth.stored.blocks.write_part", full)
    with pytest.raises(SinkError, match=r"disk is full.*--resume"):
        make_dataset(SMALL, tmp_path / "full", 0, False, Told())


def test_a_task_of_classes_has_only_classes(tmp_path: Path) -> None:
    order = Order(task="expression", count=6, size_px=64, people=2)
    make_dataset(order, tmp_path / "classes", 0, False, Told())
    dataset = open_dataset("synthetic", tmp_path / "classes")
    assert all(s.expression is not None for s in dataset)


def test_groups_have_faces_of_one_split_and_some_none(tmp_path: Path) -> None:
    order = Order(task="detect", count=14, size_px=128, people=40, first_seed=14)
    make_dataset(order, tmp_path / "groups", 0, False, Told())
    dataset = open_dataset("synthetic", tmp_path / "groups")
    counts = [len(s.boxes_xyxy) for s in dataset if s.boxes_xyxy is not None]
    assert len(counts) == 14
    assert max(counts) >= 2
    assert min(counts) == 0
    where: dict[str, set[str]] = {}
    for sample in dataset:
        people = sample.attributes.get("subjects", ())
        assert len(people) == len(sample.boxes_xyxy)  # type: ignore[arg-type]
        for person in people:
            where.setdefault(person, set()).add(sample.split)
        if people:
            assert sample.attributes["five_xy"].shape == (len(people), 5, 2)
            for box, five in zip(sample.boxes_xyxy, sample.attributes["five_xy"], strict=True):  # type: ignore[arg-type]
                assert (five > box[:2]).all()
                assert (five < box[2:]).all()
    assert len(where) > 5
    assert all(len(splits) == 1 for splits in where.values())
    assert set.union(*where.values()) == {"train", "val", "test"}


def test_clips_are_stored_without_loss_and_know_their_events(tmp_path: Path) -> None:
    order = Order(task="micro", count=2, size_px=48, people=3, fps=30.0)
    make_dataset(order, tmp_path / "clips", 0, False, Told())
    dataset = open_dataset("synthetic", tmp_path / "clips")
    drawn = {i: sequence_of(order, i) for i in range(2)}
    assert {s.attributes["seed"] for s in dataset} == {0, 1}
    for sample in dataset:
        sequence = drawn[sample.attributes["seed"]]
        labels = frame_labels(sample)
        assert labels["landmarks_xy"].shape == (len(sequence), 196)
        assert np.array_equal(labels["face"], np.arange(len(sequence)))
        assert np.allclose(labels["blendshapes"], sequence.shapes, atol=1e-6)
        clip = sample.clip
        assert clip is not None
        expected = sequence.frames_of(sequence.expressions[0]) if sequence.expressions else (None, None, None)
        assert (clip.onset, clip.apex, clip.offset) == expected
        assert (sample.action_units is None) == (not sequence.expressions)
        assert clip.video is not None
        with av.open(str(clip.video)) as container:
            frames = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
        assert len(frames) == len(sequence)
        wishes = replace(CALM, people=3)
        for k, again in zip(range(3), render_sequence(builtin_rig(), sequence, 48, wishes), strict=False):
            assert np.array_equal(frames[k], again.image)


def test_a_clip_part_that_is_cut_off_is_made_again(tmp_path: Path) -> None:
    order = Order(task="micro", count=1, size_px=32, people=2, fps=25.0)
    out = tmp_path / "clips"
    make_dataset(order, out, 0, False, Told())
    part_path(out, 0).write_bytes(part_path(out, 0).read_bytes()[:60])
    (out / "clips" / "00000" / "0000000.mkv").unlink()
    assert make_dataset(order, out, 0, True, Told()).new == 1
    (out / "clips" / "00000" / "0000000.mkv").unlink()
    assert run("data", "check", "synthetic", out)[0] == 1


def test_rigs_are_mixed_by_share() -> None:
    rigs = (RigOrder(name="builtin", share=1.0), RigOrder(name="ict", folder="x", share=3.0))
    order = Order(task="landmarks", count=10, rigs=rigs)
    chosen = [order.rig_of(seed) for seed in range(2000)]
    assert 0.71 < np.mean(chosen) < 0.79


@pytest.mark.parametrize(
    ("text", "told"), [("buildin", "builtin"), ("ict", "ict:FOLDER"), ("builtin:x", "needs no folder")]
)
def test_a_wrong_rig_is_told(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        RigOrder.parse(text)


def test_the_command_line(tmp_path: Path) -> None:
    out = tmp_path / "cli"
    base = ["synth", "--task", "landmarks", "--n", "3", "--size", "48", "--people", "2", "--out", str(out)]
    code, told = run(*base, "--workers", "1")
    assert code == 0
    assert "3 samples" in told
    assert run("data", "check", "synthetic", out)[0] == 0
    assert run("data", "sheet", "synthetic", out, "--out", tmp_path / "s.png", "--points")[0] == 0
    assert (tmp_path / "s.png").is_file()
    assert "go on with --resume" in run(*base)[1]
    assert "did you mean" in run("synth", "--task", "landmark", "--n", "3", "--out", tmp_path / "x")[1]
    nothing = run(*base[:-1], tmp_path / "y", "--backgrounds", tmp_path / "none", "--workers", "0")
    assert nothing[0] == 1
    assert "no pictures for backgrounds" in nothing[1]


def test_a_damaged_copy_is_told(made: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(made, copy)
    (copy / "pictures" / "00000" / "0000002.jpg").unlink()
    dataset = open_dataset("synthetic", copy)
    assert len(dataset) == 4
    assert "missing image" in str(dataset.findings.problems[0])
    part_path(copy, 0).write_bytes(b"PAR1 not a table PAR1")
    assert run("data", "check", "synthetic", copy)[0] == 1
    (copy / "manifest.json").write_text('{"format": 99}')
    assert run("data", "check", "synthetic", copy)[0] == 1
