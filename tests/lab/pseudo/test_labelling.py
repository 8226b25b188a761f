"""The whole way: a collage of the built-in portrait is labelled, stored, stopped, resumed and read back."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mien.errors import RequestError
from mien.lab.datasets.dataset import open_dataset
from mien.lab.datasets.pseudo_labelled import LABELS, MANIFEST, PICTURES, read_part, write_part
from mien.lab.pseudo import labelling
from mien.lab.pseudo.labelling import Order, Progress, label_source
from mien.lab.pseudo.measure import agreement, report
from mien.lab.pseudo.teacher import Teacher
from mien.lab.pseudo.verdict import REASONS, Limits, refusal
from mien.sources.portrait import geometry, portrait

DATA = Path(__file__).resolve().parents[3].parent / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the shared data folder is not beside the checkout")
SIDE = 300


@pytest.fixture(scope="module")
def collage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tiles with the portrait (one darkened and mirrored), one with a grey ball that a box calls a face."""
    folder = tmp_path_factory.mktemp("collage")
    face = cv2.resize(portrait()[:300, 70:370], (SIDE, SIDE))
    ball = np.full((SIDE, SIDE, 3), 120, np.uint8)
    cv2.circle(ball, (150, 150), 90, (150, 150, 150), -1)
    picture = np.full((SIDE + 80, 3 * SIDE + 60, 3), 13, np.uint8)
    faces = []
    five = np.array([[133.4, 101], [176, 103], [150, 127], [136, 147], [178, 149]])
    for k, tile in enumerate((face, (face[:, ::-1] * 0.7).astype(np.uint8), ball)):
        left = 15 + k * (SIDE + 15)
        picture[40 : 40 + SIDE, left : left + SIDE] = tile
        x = 100.0 if k != 1 else SIDE - 210.0
        where = five if k != 1 else np.array([SIDE - 1, 0]) + five[[1, 0, 2, 4, 3]] * [-1, 1]
        place = (where + np.array([left, 40])).tolist()
        faces.append({"box": [left + x, 90.0, 110.0, 110.0], "score": 0.9, "landmarks5": place})
    cv2.imwrite(str(folder / "one.png"), picture[..., ::-1])
    (folder / "boxes.json").write_text(json.dumps({"collages": {"one.png": {"faces": faces}}}))
    return folder


@pytest.fixture(scope="module")
def labelled(collage: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("labelled")
    told: list[Progress] = []
    summary = label_source(Order(source="sfhq", purpose="train"), collage, out, told.append)
    assert [p.done for p in told] == [1, 2, 3]
    assert told[-1].total == 3
    assert told[-1].kept == sum(summary.kept.values()) == 2
    assert sum(summary.refused.values()) == 1
    assert set(summary.refused) <= set(REASONS)
    return out


def test_labels_lie_on_the_hand_placed_points(labelled: Path) -> None:
    dataset = open_dataset("pseudo", labelled)
    assert len(dataset) == 2
    truth = geometry().points
    samples = {s.name: s for s in dataset}
    sample = samples["one_00"]
    xy = sample.landmarks_xy
    assert xy is not None
    # Where the crop's pixels come from: the eye corners' distance gives the scale, the tile is a cut of the portrait.
    unit = np.linalg.norm(truth[60] - truth[72])
    scale = sample.attributes["source_scale"]
    error = np.linalg.norm((xy - xy[54]) / scale - (truth - truth[54]), axis=1) / unit
    assert error[33:].mean() < 0.06
    image = sample.image()
    assert image.shape[0] == image.shape[1]
    left, top, right, bottom = sample.attributes["inside_xyxy"]
    assert ((xy > [left, top]) & (xy < [right, bottom])).all()
    assert sample.truth is not None
    assert sample.truth.landmark_spread_px is not None
    assert 0 < sample.truth.landmark_spread_px.mean() < 0.03 * unit * scale
    assert sample.truth.pose_ypr_deg is not None
    assert np.abs(sample.truth.pose_ypr_deg).max() < 25
    assert sample.truth.blendshapes is not None
    five = sample.truth.five_xy
    assert five is not None
    assert np.allclose(five[2], xy[54], atol=1e-3)


def test_the_stored_crop_holds_the_pixels_of_the_tile(labelled: Path, collage: Path) -> None:
    sample = next(s for s in open_dataset("pseudo", labelled) if s.name == "one_00")
    source = cv2.imread(str(collage / "one.png"))[..., ::-1]
    left, top, right, bottom = (sample.attributes["inside_xyxy"] + 0.5).round().astype(int)
    real = sample.image()[top:bottom, left:right]
    assert sample.attributes["source_scale"] == 1.0
    found = cv2.matchTemplate(np.ascontiguousarray(source), np.ascontiguousarray(real), cv2.TM_SQDIFF_NORMED)
    assert found.min() < 1e-3  # JPEG


def test_a_mirrored_face_is_labelled_as_its_mirror_image(labelled: Path) -> None:
    a, b = (next(s for s in open_dataset("pseudo", labelled) if s.name == n) for n in ("one_00", "one_01"))
    assert a.landmarks_xy is not None
    assert b.landmarks_xy is not None
    from mien.core.schema import load_schema

    mirror = list(load_schema("wflw98").mirror)
    back = b.landmarks_xy[mirror] * [-1, 1]
    unit = np.linalg.norm(a.landmarks_xy[60] - a.landmarks_xy[72])
    apart = np.linalg.norm((a.landmarks_xy - a.landmarks_xy[54]) - (back - back[54]), axis=1) / unit
    assert apart.mean() < 0.03


def test_resuming_makes_only_what_is_missing(collage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labelling, "BLOCK", 1)
    order = Order(source="sfhq", purpose="train", limits=Limits(max_spread=0.031))
    whole = label_source(order, collage, tmp_path)
    (tmp_path / LABELS / "part_00001.parquet").unlink()
    before = (tmp_path / LABELS / "part_00000.parquet").stat().st_mtime_ns
    told: list[Progress] = []
    again = label_source(order, collage, tmp_path, told.append)
    assert len(told) == 1
    assert (again.kept, again.refused) == (whole.kept, whole.refused)
    assert (tmp_path / LABELS / "part_00000.parquet").stat().st_mtime_ns == before
    with pytest.raises(RequestError, match="another order"):
        label_source(Order(source="sfhq"), collage, tmp_path)
    lost = next((tmp_path / "pictures").rglob("*.*"))
    lost.write_bytes(b"")
    label_source(order, collage, tmp_path, told.append)
    assert len(told) == 2
    assert lost.stat().st_size > 0


def test_what_is_labelled_for_tests_is_read_as_such(collage: Path, tmp_path: Path) -> None:
    kept = label_source(Order(source="sfhq", purpose="test"), collage, tmp_path).kept
    assert set(kept) == {"test"}
    assert set(open_dataset("pseudo", tmp_path).split_counts) == {"test"}


def test_the_manifest_says_where_everything_comes_from(labelled: Path) -> None:
    manifest = json.loads((labelled / MANIFEST).read_text())
    assert manifest["complete"] is True
    assert manifest["purposes"] == ["train", "test"]
    assert all(len(h) == 64 for h in manifest["teacher"]["sha256"].values())
    assert len(manifest["teacher"]["sha256"]) == 3
    assert manifest["order"]["limits"]["max_spread"] == Limits().max_spread


def test_a_source_for_tests_only_is_never_read_as_training_data(labelled: Path, tmp_path: Path) -> None:
    """Even if its rows say so."""
    manifest = json.loads((labelled / MANIFEST).read_text()) | {"purposes": ["test"], "source": "clips"}
    (tmp_path / MANIFEST).write_text(json.dumps(manifest))
    for folder in (LABELS, PICTURES):
        (tmp_path / folder).mkdir()
        for file in (labelled / folder).iterdir():
            (tmp_path / folder / file.name).write_bytes(file.read_bytes())
    columns = read_part(tmp_path / LABELS / "part_00000.parquet")
    rows = [{n: v[i] for n, v in columns.items()} | {"split": "train"} for i in range(len(columns["name"]))]
    write_part(rows, tmp_path / LABELS / "part_00000.parquet")
    dataset = open_dataset("pseudo", tmp_path)
    assert dataset.split_counts == {"test": 2}
    with pytest.raises(RequestError, match="no split"):
        dataset.split("train")


def test_odd_folders_are_told(labelled: Path, tmp_path: Path) -> None:
    from mien.errors import SourceError

    with pytest.raises(SourceError, match="manifest"):
        open_dataset("pseudo", tmp_path)
    (tmp_path / MANIFEST).write_text('{"kind": "other"}')
    with pytest.raises(SourceError, match="kind"):
        open_dataset("pseudo", tmp_path)
    (tmp_path / MANIFEST).write_bytes((labelled / MANIFEST).read_bytes())
    (tmp_path / LABELS).mkdir()
    (tmp_path / LABELS / "part_00000.parquet").write_bytes(b"no table")
    with pytest.raises(SourceError, match="not a label table"):
        open_dataset("pseudo", tmp_path)


def test_refusals_name_their_reason() -> None:
    from dataclasses import replace

    teacher = Teacher()
    assert any(name.startswith("landmark-solver-mediapipe") for name in teacher.models), "the solver of its own points"
    try:
        image = portrait()
        box = np.concatenate([geometry().points.min(axis=0), geometry().points.max(axis=0)]).astype(np.float32)
        look = teacher.label(image, box)
    finally:
        teacher.close()
    assert look is not None
    size = (512, 512)
    assert refusal(look, size, Limits()) == ""
    assert refusal(None, size, Limits()) == "no face"
    assert refusal(look, size, Limits(max_spread=1e-4)) == "views disagree"
    assert refusal(look, size, Limits(max_worst=1e-4)) == "part of the face disagrees"
    assert refusal(look, size, Limits(min_eyes_px=200)) == "too small"
    assert refusal(look, (210, 512), Limits()) == "outside the picture"
    assert refusal(look, size, Limits(max_detector_gap=1e-4)) == "detector disagrees"
    assert refusal(replace(look, detector_gap=float("nan")), size, Limits()) == "not detected"


@pytest.mark.shared
@needs_data
def test_spread_tells_error_on_hand_marked_faces() -> None:
    """Every third of the hand-marked faces: those that are kept are better, and spread and error go together."""
    dataset, limits, teacher = open_dataset("wflw", DATA / "landmarks98"), Limits(), Teacher()
    try:
        found = agreement((dataset.sample(i) for i in range(0, len(dataset), 3)), teacher, limits)
    finally:
        teacher.close()
    faces, points = found.rank_correlation()
    assert faces > 0.7
    assert points > 0.45
    (kept, kept_error), (refused, refused_error) = found.nme(kept=True), found.nme(kept=False)
    assert kept >= 8
    assert refused >= 3
    assert kept_error < 0.07 < refused_error
    assert "rank correlation" in report(found, limits)


@pytest.mark.shared
@needs_data
def test_tiles_of_the_real_collages() -> None:
    from mien.lab.pseudo.sources import list_source

    listing = list_source("sfhq", DATA / "photos" / "sfhq", "train")
    assert len(listing.pictures) == 555
    assert sum(listing.left_out.values()) == 71
    shapes = [listing.pictures[i].image().shape for i in range(0, 555, 60)]
    assert all(abs(h - w) <= 4 and h > 250 for h, w, _ in shapes)
    assert len({p.subject for p in listing.pictures}) < 555
