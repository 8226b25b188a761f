"""Samples that are rendered ahead: the same as without, in order, and nothing hangs when something dies."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien.errors import ConfigError, StageError
from mien.lab.render.random_scene import Wishes
from mien.lab.render.sample import RenderedSample, render_sample
from mien.lab.render.stream import RigSource, rig_of, stream
from mien.lab.rigs.catalogue import load_rig

SMALL = Wishes(size_px=64, people=32)
BUILTIN = [RigSource("builtin")]


def _same(one: RenderedSample, other: RenderedSample) -> bool:
    return (
        one.image.tobytes() == other.image.tobytes()
        and one.choices.seed == other.choices.seed
        and np.array_equal(one.landmarks.xy, other.landmarks.xy)
        and one.landmarks.schema is other.landmarks.schema
        and one.attributes == other.attributes
    )


def _workers() -> list[int]:
    return [p.pid or 0 for p in multiprocessing.active_children() if p.name.startswith("render-")]


def test_two_workers_give_the_same_samples_in_order_and_one_can_go_on() -> None:
    rig = load_rig("builtin")
    expected = [render_sample(rig, seed, 64, SMALL) for seed in range(3, 11)]
    with stream(BUILTIN, 3, 8, SMALL, workers=2) as samples:
        first = [next(samples) for _ in range(5)]
        resume_at = samples.next_seed
    assert resume_at == 8
    assert not _workers()
    with pytest.raises(StopIteration):
        next(samples)
    rest = list(stream(BUILTIN, resume_at, 3, SMALL, workers=0))
    assert len(first + rest) == len(expected)
    assert all(_same(a, b) for a, b in zip(first + rest, expected, strict=True))


def test_a_dead_worker_is_an_error_at_once() -> None:
    with stream(BUILTIN, 0, None, SMALL, workers=1) as samples:
        next(samples)
        (pid,) = _workers()
        os.kill(pid, signal.SIGKILL)
        begin = time.monotonic()
        with pytest.raises(StageError, match=r"died before seed \d+ .*ended with code -9.*first_seed="):
            for _ in range(200):  # what had been sent before still arrives
                next(samples)
        assert time.monotonic() - begin < 5.0
    assert not _workers()


def test_ctrl_c_ends_everything() -> None:
    script = (
        "import signal\n"
        "from mien.lab.render.stream import *\n"
        "if __name__ == '__main__':\n"
        "    signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # in the background it is ignored
        "    for sample in stream([RigSource('builtin')], size_px=64, workers=1): print('.', flush=True)\n"
    )
    command = [sys.executable, "-c", script]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == ".\n"
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers as well
        _, said = process.communicate(timeout=10.0)  # until the last process that holds the pipes has ended
    assert process.returncode != 0
    assert said.count("Traceback") == 1
    assert said.rstrip().endswith("KeyboardInterrupt")


def test_errors_of_a_worker_arrive_and_end_it() -> None:
    samples = stream([RigSource("ict")], wishes=SMALL, workers=1)
    with pytest.raises(ConfigError, match="name the folder"):
        next(samples)
    assert not _workers()
    broken = replace(SMALL, backgrounds=Path("no-such-folder"))
    with pytest.raises(Exception, match="no pictures"):
        next(stream(BUILTIN, wishes=broken, workers=0))


def test_rigs_have_their_shares() -> None:
    counts = Counter(rig_of(seed, (1.0, 2.0, 1.0)) for seed in range(500, 900))
    assert [counts[k] for k in range(3)] == pytest.approx([100, 200, 100], abs=2)


def test_wrong_numbers_say_so() -> None:
    with pytest.raises(ValueError, match="share"):
        stream([RigSource("builtin", share=0.0)])
    with pytest.raises(ValueError, match="at least one rig"):
        stream([])
    with pytest.raises(ValueError, match="0 or more"):
        stream(BUILTIN, -1)
