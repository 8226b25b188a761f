"""Photo puppets before the spotter: as far moved as asked, counted as by hand, gone on with where it was stopped."""

from __future__ import annotations

import logging
from pathlib import Path

import cv2
import numpy as np
import pytest

from mien.core.record import Event
from mien.errors import RequestError, SourceError
from mien.lab.evaluate import micro_puppets
from mien.lab.evaluate.micro_films import MOTIONS, SECONDS, SPAN_S, Camera, Film, Trial, judged, trial
from mien.lab.evaluate.micro_portraits import LEAST_EYES_PX, MOST_EYES_PX, Sitter, cut_out, pictures
from mien.lab.evaluate.micro_puppets import AMPLITUDES, Diary, run, table
from mien.lab.pseudo.puppet import Puppet
from mien.micro.spotter import Spotted
from mien.sources.portrait import geometry, portrait

POINTS = geometry().points.astype(np.float32)
EYES = float(np.linalg.norm(POINTS[72] - POINTS[60]))


@pytest.fixture(scope="module")
def sitter() -> Sitter:
    share = 1.05 * LEAST_EYES_PX / EYES
    large = cv2.resize(portrait(), None, fx=share, fy=share, interpolation=cv2.INTER_CUBIC)
    points = (POINTS + 0.5) * share - 0.5
    cut = cut_out(np.asarray(large, np.uint8), points.astype(np.float32), "built-in")
    assert cut is not None
    return Sitter("own", cut)


@pytest.fixture(scope="module")
def puppet(sitter: Sitter) -> Puppet:
    return Puppet(sitter.portrait)


@pytest.mark.parametrize("motion", MOTIONS)
@pytest.mark.parametrize("amplitude", [0.5, 1.5])
def test_the_farthest_landmark_moves_as_far_as_asked(puppet: Puppet, motion: str, amplitude: float) -> None:
    assert Film(puppet, motion, amplitude).moved == pytest.approx(amplitude, rel=0.1)


def test_a_film_rests_before_onset_and_behind_offset(puppet: Puppet) -> None:
    film, camera = Film(puppet, "brows raised", 1.5), Camera(noise=0.0)
    frames = list(film.frames(camera, 1))
    assert len(frames) == round(SECONDS * camera.fps)
    still = puppet.portrait.image
    for t_ns, picture, _ in frames:
        moving = SPAN_S[0] + 0.04 < t_ns / 1e9 < SPAN_S[2] - 0.04
        assert not (moving and np.array_equal(picture, still))
        if not SPAN_S[0] <= t_ns / 1e9 <= SPAN_S[2]:
            assert np.array_equal(picture, still)


def test_noise_and_sway_are_as_strong_as_asked(puppet: Puppet) -> None:
    film = Film(puppet, "brows raised", 1.0)
    (_, picture, _), still = next(film.frames(Camera(noise=2.0), 1)), puppet.portrait.image.astype(float)
    inside = ((still > 20) & (still < 235)).all(axis=2)
    assert (picture - still)[inside].std() == pytest.approx(2 * np.hypot(1, 0.5), rel=0.05)
    first, last = [p for _, _, p in film.frames(Camera(fps=10, noise=0.0, sway_deg=1.0), 3)][:: round(SECONDS * 10) - 1]
    eyes = np.linalg.norm(puppet.portrait.landmarks_xy[72] - puppet.portrait.landmarks_xy[60])
    assert np.abs((last - first).mean(axis=0)).max() > 0.003 * eyes


def _found(kind: str, onset: float, offset: float) -> Spotted:
    start, apex, end = (round(1e9 * s) for s in (onset, (onset + offset) / 2, offset))
    return Spotted(Event(kind, 0, start, apex, end, 0.9), {}, {}, {}, 5.0)


def test_a_finding_counts_if_half_of_both_together_is_shared() -> None:
    asked = Trial("own", "a", "brows raised", 1.0, 1.0, "", 0, 0)
    own, beside, long = _found("micro", 1.22, 1.5), _found("micro", 1.3, 1.7), _found("macro", 0.3, 2.0)
    assert judged([own], asked).kind == "micro"
    assert judged([beside], asked) == Trial("own", "a", "brows raised", 1.0, 1.0, "micro", 0, 0)  # 0.25 of 0.5 s
    assert judged([_found("micro", 1.31, 1.7)], asked) == Trial("own", "a", "brows raised", 1.0, 1.0, "", 1, 0)
    assert judged([long, beside, own], asked) == Trial("own", "a", "brows raised", 1.0, 1.0, "micro", 1, 1)


def test_the_table_counts_as_by_hand() -> None:
    rows = [
        Trial("own", "a", "brows raised", 0.5, 0.5, "", 0, 1),
        Trial("own", "b", "brows raised", 0.5, 0.6, "micro", 0, 0),
        Trial("own", "a", "brows raised", 1.0, 1.0, "macro", 2, 0),
        Trial("other", "a", "nose wrinkled", 1.0, 1.0, "micro", 0, 0),
    ]
    lines = [line.strip("| ").split(" | ") for line in table(rows).splitlines()]
    assert lines[0] == ["0.5 %", "1 %"]
    assert lines[2:6] == [
        ["brows raised", "1 of 2 (0)", "0 of 1 (1)"],
        ["nose wrinkled", "–", "1 of 1 (0)"],
        ["own (2 faces)", "1 of 2 (0)", "0 of 1 (1)"],
        ["other (1 faces)", "–", "1 of 1 (0)"],
    ]
    assert lines[6] == ["all", "1 of 2 (0)", "1 of 2 (1)"]
    assert lines[7] == ["moved, median %", "0.55", "1.00"]
    assert lines[-1][0].startswith("false elsewhere: 2 micro, 1 macro in 4 films")


def _quick(sitter: Sitter, puppet: Puppet, what: tuple[str, float], camera: Camera, seed: int) -> Trial:
    return Trial(sitter.source, sitter.portrait.name, *what, what[1], "micro", 0, 0)


def test_a_stopped_run_goes_on_and_says_how_long_it_will_take(
    sitter: Sitter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(micro_puppets, "trial", _quick)
    file, camera, every = tmp_path / "runs" / "films.jsonl", Camera(), len(MOTIONS) * len(AMPLITUDES)
    clock = iter(range(0, 1000, 3))
    with caplog.at_level(logging.INFO):
        first = run([(0, sitter)], camera, Diary(file, camera), every, lambda: float(next(clock)))
        assert [next(first), next(first)] == [3.0, 6.0]
    first.close()
    assert f"film 2 of {every} or fewer" in caplog.messages[-1]
    assert f"3.0 s each, {(every - 2) * 3 / 60:.1f} minutes left" in caplog.messages[-1]
    again = Diary(file, camera)
    assert len(again.rows) == 2
    assert len(list(run([(0, sitter)], camera, again, every))) == every - 2
    assert list(run([(0, sitter)], camera, Diary(file, camera), every)) == []
    assert len(Diary(file, camera).rows) == every


def test_a_film_whose_line_was_cut_off_is_made_again(
    sitter: Sitter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(micro_puppets, "trial", _quick)
    file, camera, every = tmp_path / "films.jsonl", Camera(), len(MOTIONS) * len(AMPLITUDES)
    assert len(list(run([(0, sitter)], camera, Diary(file, camera), every))) == every
    whole = Diary(file, camera).rows
    for cut in (1, 20):  # the end of the line alone, and half of it
        file.write_bytes(file.read_bytes()[:-cut])
        again = Diary(file, camera)
        assert again.rows == whole[:-1]
        assert len(list(run([(0, sitter)], camera, again, every))) == 1
        assert Diary(file, camera).rows == whole


def test_films_made_otherwise_are_not_mixed(tmp_path: Path) -> None:
    file = tmp_path / "films.jsonl"
    Diary(file, Camera(fps=60.0))
    with pytest.raises(RequestError, match="name another file"):
        Diary(file, Camera(fps=200.0))
    file.write_text("not one\n")
    with pytest.raises(RequestError, match="is no file of this command"):
        Diary(file, Camera())


def test_cut_faces_have_the_size_that_is_said() -> None:
    for share in (0.9 * LEAST_EYES_PX / EYES, 2 * MOST_EYES_PX / EYES):
        large = np.asarray(cv2.resize(portrait(), None, fx=share, fy=share, interpolation=cv2.INTER_AREA), np.uint8)
        points = ((POINTS + 0.5) * share - 0.5).astype(np.float32)
        cut = cut_out(large, points, "x")
        if share * EYES < LEAST_EYES_PX:
            assert cut is None
            continue
        assert cut is not None
        assert np.linalg.norm(cut.landmarks_xy[72] - cut.landmarks_xy[60]) == pytest.approx(MOST_EYES_PX, rel=0.01)
        x, y = np.round(points[54]).astype(int)
        u, v = np.round(cut.landmarks_xy[54]).astype(int)
        near = large[y - 4 : y + 5, x - 4 : x + 5].mean(axis=(0, 1))
        assert cut.image[v - 2 : v + 3, u - 2 : u + 3].mean(axis=(0, 1)) == pytest.approx(near, abs=8)


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"holds no \.jpg or \.png"):
        next(pictures(tmp_path))


def test_the_spotter_sees_a_large_movement_and_nothing_in_a_still_film(sitter: Sitter, puppet: Puppet) -> None:
    seen = trial(sitter, puppet, ("brows raised", 2.5), Camera(), 1)
    assert seen.kind == "micro"
    still = trial(sitter, puppet, ("brows raised", 0.0), Camera(), 1)
    assert (still.kind, still.false_micro) == ("", 0)


def test_points_that_are_not_known_make_no_portrait() -> None:
    assert cut_out(portrait(), np.full((98, 2), np.nan, np.float32), "x") is None
