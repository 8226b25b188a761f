"""Every dataset in its published layout is read back as it was written."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat
from tiny_copies import BUILDERS, WITHOUT_PICTURES, affectnet_arrays, affectnet_csv, affwild2_mtl, picture, text

from mien.errors import RequestError, SourceError
from mien.lab.datasets.catalogue import catalogue
from mien.lab.datasets.checker import check
from mien.lab.datasets.dataset import Dataset, open_dataset
from mien.lab.datasets.labels import load_labels


@pytest.fixture
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Dataset:
    BUILDERS[request.param](tmp_path)
    return open_dataset(request.param, tmp_path)


def one(dataset: Dataset, part: str) -> object:
    """The only sample whose name contains `part`."""
    found = [s for s in dataset if part in s.name]
    assert len(found) == 1, [s.name for s in dataset]
    return found[0]


def test_every_dataset_of_the_catalogue_has_a_tiny_copy() -> None:
    assert set(BUILDERS) == set(catalogue())


@pytest.mark.parametrize("name", BUILDERS)
def test_a_sound_copy_has_no_problem_but_its_size(name: str, tmp_path: Path) -> None:
    BUILDERS[name](tmp_path)
    report = check(name, tmp_path, images=0)
    problems = {f.kind for f in report.findings if f.state == "problem"}
    assert problems <= {"wrong count"}, [str(f) for f in report.findings]
    assert report.samples > 0
    assert sum(sum(by_class.values()) for by_class in report.counts.values()) == report.samples
    if catalogue()[name].expected:
        assert problems == {"wrong count"}  # a tiny copy must not pass for the whole


@pytest.mark.parametrize("name", BUILDERS)
def test_the_interface_holds_for_all(name: str, tmp_path: Path) -> None:
    BUILDERS[name](tmp_path)
    dataset = open_dataset(f"{name}:{tmp_path}")
    assert dataset.licence
    samples = [dataset.sample(i) for i in range(len(dataset))]
    assert [s.name for s in samples] == [s.name for s in dataset]
    assert len({s.name for s in samples}) == len(samples)
    for sample in samples:
        assert sample.dataset == name
        if sample.expression is not None and sample.expression.schema != "own":
            assert sample.expression.name in load_labels(sample.expression.schema).names
        if name not in WITHOUT_PICTURES:
            image = sample.image()
            assert image.ndim == 3
            assert image.dtype == np.uint8
        else:
            with pytest.raises(SourceError, match="no picture"):
                sample.image()
        pickle.loads(pickle.dumps((sample.path, sample.pixels)))
    for wrong in (-1, len(dataset)):
        with pytest.raises(IndexError, match="there is no sample"):
            dataset.sample(wrong)


@pytest.mark.parametrize("name", BUILDERS)
def test_splits_are_disjoint_in_subjects_and_frozen(name: str, tmp_path: Path) -> None:
    BUILDERS[name](tmp_path / "one")
    BUILDERS[name](tmp_path / "two")
    first, second = (open_dataset(name, tmp_path / copy) for copy in ("one", "two"))
    assert [(s.name, s.split) for s in first] == [(s.name, s.split) for s in second]
    home: dict[str, str] = {}
    for sample in first:
        if sample.subject is not None:
            assert home.setdefault(sample.subject, sample.split) == sample.split
    assert sum(len(first.split(split)) for split in first.split_counts) == len(first)
    with pytest.raises(RequestError, match='no split "nonsense"'):
        first.split("nonsense")
    if first.info.protocol not in ("loso", "folds"):
        with pytest.raises(RequestError, match="fixed split"):
            list(first.folds())
        return
    for fold in first.folds():
        assert len(fold.train) + len(fold.test) == len(first)
        assert not set(fold.train.subjects) & set(fold.test.subjects)


@pytest.mark.parametrize("made", ["wider"], indirect=True)
def test_wider(made: Dataset) -> None:
    assert made.split_counts == {"train": 2, "val": 2}
    first, empty = made.sample(0), made.sample(1)
    assert first.boxes_xyxy is not None
    assert first.boxes_xyxy.tolist() == [[1, 2, 4, 6]]  # the box without width is left out
    assert first.attributes["occlusion"].tolist() == [2]
    assert empty.boxes_xyxy is not None
    assert empty.boxes_xyxy.shape == (0, 4)


def _level(path: Path, numbers: list[int]) -> None:
    path.parent.mkdir(exist_ok=True)

    def cell(*items: object) -> np.ndarray[tuple[int, ...], np.dtype[np.object_]]:
        out = np.empty((len(items), 1), dtype=object)
        for i, item in enumerate(items):
            out[i, 0] = item
        return out

    files = cell(cell("val_1", "val_2"))
    lists = cell(cell(np.array(numbers, np.uint8), np.zeros((0, 0), np.uint8)))
    savemat(path, {"event_list": cell("0--Parade"), "file_list": files, "gt_list": lists})


def test_wider_levels(tmp_path: Path) -> None:
    BUILDERS["wider"](tmp_path)
    for level, numbers in (("easy", [2]), ("medium", [1]), ("hard", [1, 2])):
        _level(tmp_path / f"ground_truth/wider_{level}_val.mat", numbers)
    first, second = open_dataset("wider", tmp_path).split("val")
    flags = [first.attributes[level].tolist() for level in ("easy", "medium", "hard")]
    assert flags == [[False], [True], [True]]  # box 2 has no area and is left out
    assert second.attributes["hard"].shape == (0,)


def test_wider_levels_of_another_list(tmp_path: Path) -> None:
    BUILDERS["wider"](tmp_path)
    _level(tmp_path / "ground_truth/wider_hard_val.mat", [3])
    (tmp_path / "ground_truth/wider_easy_val.mat").write_bytes(b"no mat")
    told = {f.kind: f.examples for f in check("wider", tmp_path).findings if f.state == "problem"}
    assert told["label out of range"] == ["hard: box 3 of 0--Parade/val_1.jpg, which has 2"]
    assert "wider_easy_val.mat" in told["file that cannot be read"][0]


def test_wider_relabels(tmp_path: Path) -> None:
    picture(tmp_path / "train/images/0--Parade/a.jpg")
    face = "10 20 30 40 " + " ".join(f"{i} {i + 1} 0.0" for i in range(5)) + " 0.9"
    text(tmp_path / "train/label.txt", "# 0--Parade/a.jpg", face, "1 2 3 4" + " -1" * 15 + " 0.1")
    dataset = open_dataset("wider", tmp_path)
    points = dataset.sample(0).attributes["points5_xy"]
    assert points[0].tolist() == [[i, i + 1] for i in range(5)]
    assert np.isnan(points[1]).all()


@pytest.mark.parametrize("made", ["wflw"], indirect=True)
def test_wflw(made: Dataset) -> None:
    sample = made.split("test").sample(0)
    assert sample.landmark_schema == "wflw98"
    assert sample.landmarks_xy is not None
    assert sample.landmarks_xy[15].tolist() == [1.5, 1.25]
    assert sample.boxes_xyxy is not None
    assert sample.boxes_xyxy.tolist() == [[0, 0, 13, 7]]
    assert sample.attributes["pose"] == 1
    assert sample.attributes["blur"] == 0


@pytest.mark.parametrize("made", ["ckplus"], indirect=True)
def test_ckplus(made: Dataset) -> None:
    labelled, unlabelled = made.sample(0), made.sample(1)
    assert labelled.subject == "S005"
    assert labelled.split == "fold5"
    assert labelled.expression is not None
    assert labelled.expression.name == "disgust"
    assert unlabelled.expression is None
    assert labelled.action_units is not None
    assert labelled.action_units.names == ("AU4", "AU9")
    assert np.array_equal(labelled.action_units.intensity, [np.nan, 4], equal_nan=True)
    assert labelled.clip is not None
    assert labelled.clip.frames is not None
    assert labelled.clip.frames.numbers == (1, 2, 3)
    assert labelled.path == labelled.clip.frames.path(3)
    assert labelled.landmarks_xy is not None
    assert labelled.landmarks_xy[67].tolist() == [67, 134]


def test_ck48(tmp_path: Path) -> None:
    picture(tmp_path / "happy/S010_006_00000013.png")
    picture(tmp_path / "anger/S011_004_00000019.png")
    dataset = open_dataset("CK+", tmp_path)
    assert {(s.subject, s.expression.name) for s in dataset if s.expression} == {
        ("S010", "happiness"),
        ("S011", "anger"),
    }


@pytest.mark.parametrize("made", ["afew"], indirect=True)
def test_afew(made: Dataset) -> None:
    assert made.split_counts == {"test": 1, "train": 7, "val": 7}
    assert made.split("test").sample(0).expression is None
    clip = made.split("train").sample(0).clip
    assert clip is not None
    assert clip.video is not None


@pytest.mark.parametrize("made", ["fer2013"], indirect=True)
def test_fer2013(made: Dataset) -> None:
    assert made.split_counts == {"test": 1, "train": 1, "val": 1}
    train = made.split("train").sample(0)
    assert train.expression is not None
    assert train.expression.name == "happiness"
    assert (train.image() == 5).all()
    assert (made.split("test").sample(0).image() == 7).all()


def test_fer2013_arrays(tmp_path: Path) -> None:
    images = np.arange(2 * 48 * 48, dtype=np.uint32).astype(np.uint8).reshape(2, 48, 48)
    names = np.array(["angry", "happy"])
    np.savez(
        tmp_path / "fer2013.npz",
        train_images=images,
        train_labels=np.array([1, 0], np.uint8),
        train_near_val=np.array([True, False]),
        val_images=images[:1],
        val_labels=np.array([0], np.uint8),
        class_names=names,
    )
    dataset = open_dataset("fer2013", tmp_path / "fer2013.npz")
    assert [s.expression.name for s in dataset if s.expression] == ["happiness", "anger", "anger"]
    assert dataset.sample(0).attributes["near_val"] is True
    assert (dataset.sample(1).image()[..., 0] == images[1]).all()


@pytest.mark.parametrize("made", ["ferplus"], indirect=True)
def test_ferplus(made: Dataset) -> None:
    train, val, test = (made.split(s).sample(0) for s in ("train", "val", "test"))
    assert train.expression is not None
    assert train.expression.name == "happiness"
    assert train.expression.votes["happiness"] == 8
    assert val.expression is None  # 5 : 5 is no majority
    assert test.attributes["face"] is False
    assert (val.image() == 6).all()


@pytest.mark.parametrize("made", ["rafdb"], indirect=True)
def test_rafdb(made: Dataset) -> None:
    assert [(s.split, s.expression.name) for s in made if s.expression] == [("train", "sadness"), ("test", "surprise")]


@pytest.mark.parametrize("build", [affectnet_arrays, affectnet_csv])
def test_affectnet(build: object, tmp_path: Path) -> None:
    build(tmp_path)  # type: ignore[operator]
    eight, seven = open_dataset("affectnet8", tmp_path), open_dataset("affectnet7", tmp_path)
    assert {s.expression.name for s in eight if s.expression} == {"happiness", "contempt"}
    assert {s.expression.name for s in seven if s.expression} == {"happiness"}
    sample = seven.split("train").sample(0)
    assert sample.landmarks_xy is not None
    assert sample.landmarks_xy[1].tolist() == [2, 3]
    assert sample.valence_arousal in ((-0.25, 0.5), (0.5, -0.5))
    if sample.boxes_xyxy is not None:
        assert sample.boxes_xyxy.tolist() == [[1, 2, 31, 42]]
        assert [s.valence_arousal for s in eight if s.expression and s.expression.name == "contempt"] == [None, None]


@pytest.mark.parametrize("made", ["expw"], indirect=True)
def test_expw_reads_top_left_right_bottom(made: Dataset) -> None:
    first, second, third = made
    assert first.boxes_xyxy is not None
    assert first.boxes_xyxy.tolist() == [[20, 10, 60, 50]]
    assert first.split == second.split
    assert [s.expression.name for s in (first, second, third) if s.expression] == ["happiness", "neutral", "anger"]


@pytest.mark.parametrize("made", ["affwild2-expr"], indirect=True)
def test_affwild2_expression(made: Dataset) -> None:
    train = list(made.split("train"))
    assert [(s.attributes["frame"], s.expression.name) for s in train if s.expression] == [
        (1, "happiness"),
        (3, "others"),
    ]
    assert made.split("val").subjects == ("video7",)
    assert any(f.kind.startswith("labelled frame without a picture") for f in made.findings)  # frame 4


@pytest.mark.parametrize("made", ["affwild2-va"], indirect=True)
def test_affwild2_affect(made: Dataset) -> None:
    assert [s.valence_arousal for s in made.split("train")] == [(0.5, -0.25), (0.0, 1.0)]


@pytest.mark.parametrize("made", ["affwild2-au"], indirect=True)
def test_affwild2_units(made: Dataset) -> None:
    first, third = made.split("train")
    assert first.action_units is not None
    assert first.action_units.names[:3] == ("AU1", "AU2", "AU4")
    assert first.action_units.presence.tolist() == [1, 0] * 6
    assert third.action_units is not None
    assert np.isnan(third.action_units.presence[-1])


@pytest.mark.parametrize("made", ["affwild2-mtl"], indirect=True)
def test_affwild2_multitask(made: Dataset) -> None:
    known, unknown = made.split("train")
    assert known.valence_arousal == (0.5, 0.25)
    assert known.expression is not None
    assert (unknown.valence_arousal, unknown.expression) == (None, None)


@pytest.mark.parametrize("affect", ["0.5,-5", "-5,0.5", "-5,-5"])
def test_affwild2_multitask_ignores_half_rated_frames(affect: str, tmp_path: Path) -> None:
    affwild2_mtl(tmp_path)
    units = ",".join(["0"] * 12)
    text(tmp_path / "train_set.txt", "image,valence,arousal,expression", f"v1/00001.jpg,{affect},4,{units}")
    report = check("affwild2-mtl", tmp_path)
    assert report.ok, report.as_text()
    (sample,) = open_dataset("affwild2-mtl", tmp_path).split("train")
    assert sample.valence_arousal is None
    assert sample.expression is not None


@pytest.mark.parametrize("made", ["recola"], indirect=True)
def test_recola(made: Dataset) -> None:
    second = one(made, "P16/0.04")
    assert second.valence_arousal == pytest.approx((0.7 / 6, 0.7 / 6))  # type: ignore[attr-defined]
    assert abs(int(second.image()[16, 16, 0]) - 90) < 12  # type: ignore[attr-defined]  # the second frame


@pytest.mark.parametrize("made", ["bu3dfe"], indirect=True)
def test_bu3dfe(made: Dataset) -> None:
    sample = one(made, "F0001_AN01WH")
    assert sample.expression.name == "anger"  # type: ignore[attr-defined]
    assert sample.attributes["level"] == 1  # type: ignore[attr-defined]
    assert sample.attributes["points83"].is_file()  # type: ignore[attr-defined]
    assert made.subjects == ("F0001", "M0044")


@pytest.mark.parametrize("made", ["disfa"], indirect=True)
def test_disfa(made: Dataset) -> None:
    second = one(made, "SN001/0002")
    units = second.action_units  # type: ignore[attr-defined]
    assert units.intensity[units.names.index("AU12")] == 3
    assert units.presence.sum() == 1
    assert abs(int(second.image()[16, 16, 0]) - 90) < 12  # type: ignore[attr-defined]
    assert set(made.split_counts) == {"fold1", "fold2"}


@pytest.mark.parametrize("made", ["bp4d"], indirect=True)
def test_bp4d(made: Dataset) -> None:
    first = one(made, "F001/T1/0020").action_units  # type: ignore[attr-defined]
    assert first.names == ("AU1", "AU2", "AU6", "AU12")
    assert np.array_equal(first.presence, [0, 1, 1, np.nan], equal_nan=True)
    assert np.array_equal(first.intensity, [np.nan, np.nan, 3, 3], equal_nan=True)
    assert made.split_counts == {"fold1": 16, "fold2": 16}


def test_bp4d_pictures_counted_from_zero(tmp_path: Path) -> None:
    BUILDERS["bp4d"](tmp_path)
    picture(tmp_path / "Sequences(2D+3D)/F001/T1/0000.jpg")
    picture(tmp_path / "Sequences(2D+3D)/F001/T1/0019.jpg")
    path = one(open_dataset("bp4d", tmp_path), "F001/T1/0020").path  # type: ignore[attr-defined]
    assert path.name == "0019.jpg"


@pytest.mark.parametrize("made", ["casme-ii"], indirect=True)
def test_casme_ii(made: Dataset) -> None:
    first, second = made
    assert first.clip is not None
    assert (first.clip.onset, first.clip.apex, first.clip.offset, first.clip.fps) == (46, 48, 50, 200)
    assert first.path is not None
    assert first.path.name == "img48.jpg"
    assert second.clip is not None
    assert second.clip.apex is None
    assert second.action_units is not None
    assert second.action_units.names == ("AU4", "AU12_L")
    assert second.split == "all"


@pytest.mark.parametrize("made", ["cas-me-2"], indirect=True)
def test_cas_me_2(made: Dataset) -> None:
    micro, macro = made
    assert micro.clip is not None
    assert macro.clip is not None
    assert (micro.clip.kind, macro.clip.kind) == ("micro", "macro")
    assert macro.clip.offset == 2  # 0 = not ended: the apex
    assert micro.clip.frames is not None
    assert micro.clip.frames.folder.name == "15_0101disgustingteeth"
    assert micro.clip.frames.numbers[-1] == 12  # by number, not by name


@pytest.mark.parametrize("made", ["cas-me-3"], indirect=True)
def test_cas_me_3(made: Dataset) -> None:
    first, second = made
    assert first.path is not None
    assert first.path.parts[-2:] == ("color", "3.jpg")
    assert second.expression is not None
    assert second.expression.name == "others"
    assert second.attributes["objective_class"] == "VII"


@pytest.mark.parametrize("made", ["smic-hs"], indirect=True)
def test_smic(made: Dataset) -> None:
    sample = one(made, "s01_ne_01")
    assert sample.clip.apex is None  # type: ignore[attr-defined]
    assert sample.attributes == {"long_onset": 40, "long_offset": 42}  # type: ignore[attr-defined]
    assert {s.expression.name for s in made if s.expression} == {"negative", "positive", "surprise"}


@pytest.mark.parametrize("made", ["samm"], indirect=True)
def test_samm(made: Dataset) -> None:
    first, second = made
    assert first.action_units is not None
    assert np.isnan(first.action_units.presence).all()  # "4B or 7A"
    assert second.action_units is not None
    assert second.action_units.names == ("AU12_R", "AU14")
    assert second.action_units.intensity.tolist() == [1, 2]
    assert second.subject == "037"


@pytest.mark.parametrize("made", ["samm-long"], indirect=True)
def test_samm_long(made: Dataset) -> None:
    micro, macro = made
    assert micro.expression is not None
    assert micro.expression.name == "anger"
    assert macro.expression is None
    assert any("onset 0" in f.kind for f in made.findings)


@pytest.mark.parametrize("made", ["megc2019"], indirect=True)
def test_megc(made: Dataset) -> None:
    assert [s.expression.name for s in made if s.expression] == ["positive", "negative", "surprise"]
    assert len(list(made.folds())) == 3


@pytest.mark.parametrize("made", ["pseudo"], indirect=True)
def test_pseudo(made: Dataset) -> None:
    first, second = made
    assert made.subjects == ("sfhq/a", "sfhq/b")
    assert (first.split, second.split) == ("train", "val")
    assert first.expression is not None
    assert (first.expression.name, first.expression.schema) == ("happiness", "fer2013")
    assert second.expression is None
    assert first.landmarks_xy is not None
    assert first.truth is not None
    assert first.truth.blendshapes is not None
    assert first.truth.blendshapes.tolist() == [0.5] * 52
    assert first.attributes["near"] is True


def test_pseudo_labels_of_a_source_for_tests_are_all_test(tmp_path: Path) -> None:
    BUILDERS["pseudo"](tmp_path)
    manifest = tmp_path / "manifest.json"
    manifest.write_text(manifest.read_text().replace('["train"]', '["test"]').replace("true", "false"))
    dataset = open_dataset("pseudo", tmp_path)
    assert dataset.split_counts == {"test": 2}
    assert [f.kind for f in dataset.findings] == ["not finished"]


@pytest.mark.parametrize("made", ["folder"], indirect=True)
def test_own_folder(made: Dataset) -> None:
    assert {s.expression.name for s in made if s.expression} == {"happiness", "bored"}


def test_own_folder_with_splits(tmp_path: Path) -> None:
    picture(tmp_path / "train/happy/a.jpg")
    picture(tmp_path / "test/sad/b.jpg")
    assert open_dataset("folder", tmp_path).split_counts == {"test": 1, "train": 1}


def test_own_csv(tmp_path: Path) -> None:
    picture(tmp_path / "in/a.jpg")
    picture(tmp_path / "in/b.jpg")
    text(tmp_path / "mine.csv", "path,label,subject,split", "in/a.jpg,happy,anna,train", "in/b.jpg,sad,ben,")
    for path in (tmp_path, tmp_path / "mine.csv"):
        first, second = open_dataset("folder", path)
        assert (first.split, first.subject) == ("train", "anna")
        assert second.expression is not None
        assert second.expression.name == "sadness"
        assert second.image().shape == (8, 8, 3)


def test_a_wrong_request_is_told(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match='did you mean "wflw"'):
        open_dataset("wflv", tmp_path)
    with pytest.raises(RequestError, match="may mean two datasets"):
        open_dataset("casme2", tmp_path)
    with pytest.raises(RequestError, match="NAME:PATH"):
        open_dataset("wflw")
    with pytest.raises(RequestError, match="give the folder"):
        open_dataset("wflw", tmp_path / "nothing")
    with pytest.raises(SourceError, match=r"no sample found.*list_98pt_rect_attr_train"):
        open_dataset("wflw", tmp_path)


@pytest.mark.parametrize("name", [n for n in BUILDERS if n != "folder"])
def test_a_nested_copy_is_found(name: str, tmp_path: Path) -> None:
    BUILDERS[name](tmp_path / "flat")
    BUILDERS[name](tmp_path / "nested" / "downloads 2020" / f"{name.upper()}_4")
    flat, nested = open_dataset(name, tmp_path / "flat"), open_dataset(name, tmp_path / "nested")
    assert flat.subjects == nested.subjects
    assert flat.split_counts == nested.split_counts


@pytest.mark.parametrize("name", BUILDERS)
def test_a_dataset_can_be_sent_to_another_process(name: str, tmp_path: Path) -> None:
    BUILDERS[name](tmp_path)
    dataset = open_dataset(name, tmp_path)
    part = dataset.split(next(iter(dataset.split_counts)))
    for one_of in (dataset, part):
        other = pickle.loads(pickle.dumps(one_of))
        assert [s.name for s in other] == [s.name for s in one_of]


def test_classes_are_in_the_order_of_the_schema(tmp_path: Path) -> None:
    BUILDERS["ferplus"](tmp_path / "a")
    BUILDERS["folder"](tmp_path / "b")
    expected = "neutral happiness surprise sadness anger disgust fear contempt"
    assert open_dataset("ferplus", tmp_path / "a").classes == tuple(expected.split())
    assert open_dataset("folder", tmp_path / "b").classes == ("bored", "happiness")


def test_odd_labels_are_counted_once(tmp_path: Path) -> None:
    affectnet_arrays(tmp_path)
    np.save(tmp_path / "val_set/annotations/7_val.npy", np.array(3.0))
    (finding,) = [f for f in check("affectnet8", tmp_path, images=0).findings if f.kind == "label out of range"]
    assert finding.count == 1
