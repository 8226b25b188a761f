"""The command line as a person uses it: words, exit codes, and nothing captured is ever lost."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from typer.testing import CliRunner

from mien.cli.main import app
from mien.errors import RequestError
from mien.pipeline.compose import Pipeline
from mien.recorder import Request, capture_to_folder
from mien.take.folder_lock import locked
from mien.take.reader import load_take

LIGHT = ["--set", "stages=[]", "--set", 'outputs=["parquet"]']
"""No face stages: these tests are about the frame around them."""


def mien(*args: object, code: int | None = 0, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    run = subprocess.run(
        [sys.executable, "-m", "mien.cli.main", *map(str, args)],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in run.stderr
    if code is not None:
        assert run.returncode == code, run.stderr
    return run


def write_clip(path: Path, frames: int = 50, fps: int = 25) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "g": "10"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for i in range(frames):
            image = np.full((48, 64, 3), 40 + i % 100, np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4")


def test_every_frame_becomes_a_record_and_json_says_so(clip: Path, tmp_path: Path) -> None:
    figures = json.loads(mien("capture", clip, "--out", tmp_path / "o", *LIGHT, "--json").stdout)
    assert figures["state"] == "complete"
    assert figures["frames"] == 50
    take = load_take(tmp_path / "o" / "take.parquet")
    assert [r.stamp.index for r in take.records()] == list(range(50))
    assert take.header.config["stages"] == []


def test_start_and_end_keep_numbers_and_stamps_of_the_clip(clip: Path, tmp_path: Path) -> None:
    mien("capture", clip, "--out", tmp_path / "o", *LIGHT, "--start", "0.4", "--end", "0:01")
    stamps = [(r.stamp.index, r.stamp.t_ns) for r in load_take(tmp_path / "o").records()]
    assert stamps[0] == (10, 400_000_000)
    assert stamps[-1] == (25, 1_000_000_000)


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["--preset", "balancd"], 2, 'did you mean "balanced"'),
        (["--set", "detect.max_facess=2"], 2, 'did you mean "max_faces"'),
        (["--set", "nonsense=2"], 2, 'unknown key "nonsense"'),
        (["--set", "detect.max_faces=many"], 2, "detect.max_faces"),
        (["--set", "glb.nonsense=1"], 2, "glb"),
        (["--start", "soon"], 2, "--start soon: expected seconds"),
        (["--start", "5", "--end", "2"], 2, "lies before --start"),
        (["--resume", "--overwrite"], 2, "exclude each other"),
        (["--faces", "0"], 2, "--faces"),
        (["--colour"], 2, "--colour"),
        (["--out", ""], 2, "is empty; name a folder"),
        (["--preset", "numbers", "--set", "overlay.bogus=1"], 2, 'unknown key "bogus"'),
        (["--set", "gaze.use=landmarks/gase"], 2, 'did you mean "landmarks/gaze"'),
        (["--set", "source.thread=1"], 2, "options of video: threads"),
        (["--set", 'stages=["landmarks"]'], 2, "reads faces before anything writes it"),
    ],
)
def test_wrong_requests_end_with_2_and_one_clear_error(
    clip: Path, tmp_path: Path, args: list[str], code: int, words: str
) -> None:
    run = mien("capture", clip, "--out", tmp_path / "o", *args, code=code)
    assert words in run.stderr
    assert not (tmp_path / "o" / "take.parquet").exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [("empty.mp4", b""), ("text.mp4", b"this is no video\n" * 50), ("noise.mp4", bytes(range(256)) * 64)],
)
def test_what_is_no_video_ends_with_1(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    run = mien("capture", tmp_path / name, "--out", tmp_path / "o", code=1)
    assert name in run.stderr
    assert run.stderr.count("mien: error:") == 1


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "gone.mp4" in mien("capture", tmp_path / "gone.mp4", "--out", tmp_path / "o", code=1).stderr


def test_a_span_without_frames_is_an_error_and_leaves_nothing(clip: Path, tmp_path: Path) -> None:
    run = mien("capture", clip, "--out", tmp_path / "o", *LIGHT, "--start", "100", code=1)
    assert "there is no frame in the part asked for" in run.stderr
    assert not (tmp_path / "o").exists()


def test_a_capture_that_cannot_start_leaves_no_folder_but_one_that_was_there(clip: Path, tmp_path: Path) -> None:
    mien("capture", tmp_path / "gone.mp4", "--out", tmp_path / "new" / "o", *LIGHT, code=1)
    assert not (tmp_path / "new").exists()
    (tmp_path / "there").mkdir()
    bad = ["--set", "landmarks.model=./nowhere"]
    mien("capture", clip, "--out", tmp_path / "there" / "o", *bad, code=1)
    assert list((tmp_path / "there").iterdir()) == []
    mien("capture", tmp_path / "gone.mp4", "--out", tmp_path / "there", *LIGHT, code=1)
    assert (tmp_path / "there").is_dir()


def test_stopped_before_the_first_frame_nothing_is_written_and_nothing_lost(clip: Path, tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    request = Request(str(clip), tmp_path / "new" / "o", overrides=LIGHT[1::2])
    assert capture_to_folder(request, stop=stop).summary.state == "interrupted"
    assert not (tmp_path / "new").exists()
    taken = Request(str(clip), tmp_path / "taken", overrides=LIGHT[1::2], overwrite=True)
    assert capture_to_folder(taken).summary.frames == 50
    assert capture_to_folder(taken, stop=stop).summary.frames == 0
    assert len(load_take(tmp_path / "taken")) == 50


def test_stopped_as_the_first_frame_is_asked_for_nothing_is_written(clip: Path, tmp_path: Path) -> None:
    stop = threading.Event()

    class Stopping:
        def started(self, *_: object) -> None:
            stop.set()

    request = Request(str(clip), tmp_path / "new" / "o", overrides=[LIGHT[1], 'outputs=["overlay", "report"]'])
    outcome = capture_to_folder(request, stop=stop, watcher=Stopping())  # type: ignore[arg-type]
    assert outcome.summary.state == "interrupted"
    assert outcome.error is None
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_written(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    run = mien("capture", clip, "--out", tmp_path / "file" / "o", code=1)
    assert "cannot be written" in run.stderr


def test_a_take_is_not_replaced_unless_asked(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "o"
    mien("capture", clip, "--out", out, *LIGHT)
    before = (out / "take.parquet").read_bytes()
    assert "already holds a take" in mien("capture", clip, "--out", out, *LIGHT, code=2).stderr
    assert (out / "take.parquet").read_bytes() == before
    (out / "notes.txt").write_text("mine")
    mien("capture", clip, "--out", out, *LIGHT, "--overwrite", "--end", "1")
    assert len(load_take(out)) == 26
    assert (out / "notes.txt").exists()


def test_the_input_is_never_an_output(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "o"
    mien("capture", clip, "--out", out, *LIGHT)
    inside = out / "overlay.mp4"
    inside.write_bytes(clip.read_bytes())
    for source in (inside, out / "take.parquet", out):
        args = ["capture", source, "--out", out, "--set", "stages=[]", "--overwrite"]
        assert "both the input and an output" in mien(*args, code=2).stderr
    assert inside.read_bytes() == clip.read_bytes()


def test_files_of_others_are_not_replaced(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "o"
    out.mkdir()
    for name in ("overlay.mp4", "take.csv", "avatar.mine.glb"):
        (out / name).write_text("mine")
    for _ in range(2):
        assert "already holds" in mien("capture", clip, "--out", out, code=2).stderr
    assert {p.name for p in out.iterdir()} == {"overlay.mp4", "take.csv", "avatar.mine.glb"}
    mien("capture", clip, "--out", out, *LIGHT)
    mien("capture", clip, "--out", out, *LIGHT, "--overwrite")
    assert (out / "overlay.mp4").read_text() == (out / "avatar.mine.glb").read_text() == "mine"


def test_a_take_is_measured_again_without_its_pixels(tmp_path: Path) -> None:
    mien("capture", "demo", "--out", tmp_path / "a", "--end", "0.2", "--set", 'outputs=["parquet"]')
    run = mien(
        "capture", tmp_path / "a" / "take.parquet", "--out", tmp_path / "b", "--set", 'outputs=["csv", "overlay"]'
    )
    assert "kept as recorded" in run.stderr
    before, after = (list(load_take(tmp_path / d).records()) for d in "ab")
    assert [r.stamp for r in before] == [r.stamp for r in after]
    assert np.array_equal(before[3].faces[0].landmarks.xy, after[3].faces[0].landmarks.xy)
    assert set(after[3].trace.stage_ns) >= {"head_pose", "gaze", "action_units"}


def test_options_of_the_source(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(3):
        av.VideoFrame.from_ndarray(np.full((8, 8, 3), 9 * i, np.uint8), format="rgb24").to_image().save(
            folder / f"{i}.png"
        )
    mien("capture", folder, "--out", tmp_path / "o", *LIGHT, "--set", "source.fps=10")
    assert [r.stamp.t_ns for r in load_take(tmp_path / "o").records()] == [0, 100_000_000, 200_000_000]


def test_overwriting_with_a_request_that_cannot_start_keeps_the_old_take(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "o"
    mien("capture", clip, "--out", out, *LIGHT)
    mien("capture", tmp_path / "gone.mp4", "--out", out, *LIGHT, "--overwrite", code=1)
    mien("capture", clip, "--out", out, "--preset", "nope", "--overwrite", code=2)
    assert len(load_take(out)) == 50


def test_a_truncated_video_keeps_its_good_frames(clip: Path, tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.ts", frames=100).read_bytes()
    (tmp_path / "cut.ts").write_bytes(whole[: len(whole) * 6 // 10])
    mien("capture", tmp_path / "cut.ts", "--out", tmp_path / "o", *LIGHT, code=None)
    assert 30 < len(load_take(tmp_path / "o")) < 100


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted_captures_stay_readable_and_resume(tmp_path: Path, kill: signal.Signals) -> None:
    clip = write_clip(tmp_path / "long.mp4", frames=3000)
    out = tmp_path / "o"
    parts = ["--set", "parquet.part_frames=20"]
    process = subprocess.Popen(
        [sys.executable, "-m", "mien.cli.main", "capture", str(clip), "--out", str(out), *LIGHT, *parts],
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not list((out / "take.parts").glob("00000[2-9].parquet")) and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.002)
    process.send_signal(kill)
    stderr = process.communicate(timeout=60)[1]
    assert "Traceback" not in stderr
    if kill != signal.SIGKILL:
        assert process.returncode == 130
        assert "--resume" in stderr
    kept = len(load_take(out))
    assert 0 < kept < 3000
    mien("capture", clip, "--out", out, *LIGHT, *parts, "--resume")
    take = load_take(out)
    assert [r.stamp.index for r in take.records()] == list(range(3000))
    assert take.summary.state == "complete"


@pytest.mark.parametrize("first", [["--no-pixels"], []])
def test_a_take_keeps_to_its_pixel_mode_when_resumed(tmp_path: Path, first: list[str]) -> None:
    clip = write_clip(tmp_path / "long.mp4", frames=3000)
    out = tmp_path / "o"
    settings = ["--set", "stages=[]", "--set", 'outputs=["parquet", "overlay"]', "--set", "parquet.part_frames=20"]
    command = [sys.executable, "-m", "mien.cli.main", "capture", str(clip), "--out", str(out), *settings]
    process = subprocess.Popen([*command, *first], stderr=subprocess.PIPE, text=True)
    while not list((out / "take.parts").glob("00000[1-9].parquet")):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.002)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    other = [] if first else ["--no-pixels"]
    run = mien(*command[3:], *other, "--resume", code=2)
    assert "pixels" in run.stderr
    assert (out / "overlay.mp4").exists() == (not first)


def test_help_and_version() -> None:
    assert "capture" in mien("--help").stdout
    assert mien("--version").stdout.startswith("mien 0.")
    assert "--no-pixels" in mien("capture", "--help").stdout


def test_a_folder_that_is_being_written_is_left_alone(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "o"
    mien("capture", clip, "--out", out, *LIGHT)
    before = (out / "take.parquet").read_bytes()
    with locked(out):
        for more in ([], ["--resume"], ["--overwrite"]):
            refused = mien("capture", clip, "--out", out, *LIGHT, *more, code=2).stderr
            assert f"process {os.getpid()}" in refused
            assert str(out) in refused
    assert (out / "take.parquet").read_bytes() == before
    mien("capture", clip, "--out", out, *LIGHT, "--overwrite")
    assert [p.name for p in out.iterdir()] == ["take.parquet"]


def test_a_capture_holds_its_folder_while_it_runs_and_no_longer(clip: Path, tmp_path: Path) -> None:
    class Second:
        refusals = 0

        def started(self, info: object, done: int) -> None:
            with pytest.raises(RequestError, match="is writing into"):
                capture_to_folder(Request(str(clip), tmp_path, overwrite=True))
            self.refusals += 1

        def frame(self, record: object) -> None:
            raise RuntimeError("a watcher decides nothing")

        def exporting(self, name: str) -> None:
            pytest.fail("gone after its first error")

    watcher = Second()
    outcome = capture_to_folder(
        Request(str(clip), tmp_path, overrides=["stages=[]", 'outputs=["parquet", "csv"]']), watcher=watcher
    )
    assert (outcome.summary.state, outcome.summary.frames, watcher.refusals) == ("complete", 50, 1)
    assert {p.name for p in tmp_path.iterdir()} == {"take.parquet", "take.csv"}


@pytest.mark.skipif(sys.platform != "linux", reason="file names of arbitrary bytes")
def test_a_name_that_is_no_utf8_loses_nothing(clip: Path, tmp_path: Path) -> None:
    bad = os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff\xfe")
    source = Path(bad + ".mp4")
    source.write_bytes(clip.read_bytes())
    outputs = ["--set", "stages=[]", "--set", 'outputs=["parquet", "overlay", "csv", "report"]']
    run = mien("capture", source, "--out", bad, *outputs, "--json")
    take = load_take(Path(bad))
    assert len(list(take.records())) == 50
    assert take.header.source.name == r"bad\xff\xfe.mp4"
    assert json.loads(run.stdout.encode())["outputs"][0].endswith(r"bad\xff\xfe/take.parquet")
    assert r"<title>bad\xff\xfe.mp4" in (Path(bad) / "report.html").read_text(encoding="utf-8")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("preset", [LIGHT, ["--set", 'outputs=["parquet", "csv"]', "--end", "0.2"]])
def test_messages_that_nobody_can_read_decide_nothing(clip: Path, tmp_path: Path, preset: list[str]) -> None:
    command = [sys.executable, "-m", "mien.cli.main", "capture", str(clip), *preset]
    with Path("/dev/full").open("w") as full:
        assert subprocess.run([*command, "--out", tmp_path / "a"], stderr=full, check=False).returncode == 0
        run = subprocess.run([*command, "--out", tmp_path / "b", "--json"], stdout=full, check=False)
        assert run.returncode == 1
    reader, writer = os.pipe()
    os.close(reader)
    assert subprocess.run([*command, "--out", tmp_path / "c"], stderr=writer, check=False).returncode == 0
    os.close(writer)
    assert (
        subprocess.run(["sh", "-c", '"$@" 2>&- <&-', "sh", *command, "--out", tmp_path / "d"], check=False).returncode
        == 0
    )
    for name in "abcd":
        assert load_take(tmp_path / name).summary.state == "complete"


def test_a_note_that_names_a_file_is_said_once(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note = f"{tmp_path / 'o' / 'a.onnx'}: is an old one"
    made = Pipeline.__init__

    def noting(pipeline: Pipeline, *args: Any, **more: Any) -> None:
        made(pipeline, *args, **more)
        pipeline.notes = (*pipeline.notes, note)

    monkeypatch.setattr(Pipeline, "__init__", noting)
    run = CliRunner().invoke(app, ["capture", str(clip), "--out", str(tmp_path / "o"), *LIGHT])
    assert run.exit_code == 0, run.output
    assert run.stderr.count("is an old one") == 1
    assert load_take(tmp_path / "o").summary.warnings == ("a.onnx: is an old one",)
