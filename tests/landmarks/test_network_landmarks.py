"""Both landmark stages on Mien's networks: test networks find the points of bright discs."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from disc_networks import LANDMARK_PX, layout, record, scene, write_points
from mien.core.arrays import Float32
from mien.core.geometry import CropTransform
from mien.core.measures import Box, Landmarks
from mien.core.record import Face
from mien.core.regions import tight_region_of_landmarks
from mien.core.schema import load_schema
from mien.errors import ModelError
from mien.landmarks import hrnet98, points98
from mien.landmarks.network import NetworkLandmarks
from mien.runtime.session import Session
from mien.runtime.store import Model, model_folder, read_card, shipped_names

Make = Callable[..., NetworkLandmarks]
TOLERANCE = {"heatmaps": 0.03, "heatmaps of 256 px": 0.02, "points": 0.02}
"""Of a disc's radius."""


@pytest.fixture(params=TOLERANCE)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def make(kind: str, disc_models: Path) -> Make:
    def made(**options: object) -> NetworkLandmarks:
        if kind.startswith("heatmaps"):
            table = {"model": str(disc_models / f"hrnet98-{256 if '256' in kind else 128}"), **options}
            return hrnet98.HeatmapLandmarks(hrnet98.Options.model_validate(table))
        table = {"model": str(disc_models / "points98-128"), **options}
        return points98.PointLandmarks(points98.Options.model_validate(table))

    return made


def face_at(x: float, y: float, radius: float, **fields: object) -> Face:
    """As a detector would find the disc."""
    box = np.array([x - radius, y - radius, x + radius, y + radius], np.float32)
    return replace(Face(Box(box, 0.9)), **fields)  # type: ignore[arg-type]


def points_of(x: float, y: float, radius: float) -> Float32:
    return (layout() * radius + np.array([x, y])).astype(np.float32)


def error(face: Face, x: float, y: float, radius: float) -> float:
    """Largest distance in radii."""
    assert face.landmarks is not None
    return float(np.linalg.norm(face.landmarks.xy - points_of(x, y, radius), axis=1).max() / radius)


@pytest.mark.parametrize("disc", [(100.0, 80.0, 30.0), (60.3, 110.7, 55.0), (200.0, 90.0, 12.0)])
def test_points_lie_where_the_disc_has_them(make: Make, kind: str, disc: tuple[float, float, float]) -> None:
    (face,) = make().step(replace(record(scene({"a": disc})), faces=(face_at(*disc),))).faces
    assert error(face, *disc) < max(TOLERANCE[kind], 0.4 / disc[2])
    assert face.landmarks is not None
    assert (face.landmarks.confidence > 0.5).all()
    assert (face.landmarks.confidence <= 0.91).all()
    assert np.allclose(face.box.xyxy[:2], face.landmarks.xy.min(axis=0))
    assert face.crop is not None
    assert face.crop.size_wh == (256, 256) if "256" in kind else (LANDMARK_PX, LANDMARK_PX)


def test_a_badly_placed_first_region_is_mended_by_the_second_look(make: Make, kind: str) -> None:
    image, badly = scene({"a": (100, 80, 30)}), face_at(106, 85, 38)
    given = replace(record(image), faces=(badly,))
    (face,) = make().step(given).faces
    assert error(face, 100, 80, 30) < TOLERANCE[kind]
    (once,) = make(second_look=False).step(given).faces
    assert once.crop is not None
    assert face.crop is not None
    truth = tight_region_of_landmarks(
        Landmarks(points_of(100, 80, 30), np.ones(98, np.float32), load_schema("wflw98")), LANDMARK_PX
    )
    assert truth is not None
    assert np.abs(face.crop.corners_xy - truth.corners_xy).max() < 1.5
    assert np.abs(once.crop.corners_xy - truth.corners_xy).max() > 5


class Runs:
    """Counts runs of a stage's network."""

    def __init__(self, stage: NetworkLandmarks) -> None:
        self._model, self.count = stage._model, 0
        stage._model = self  # type: ignore[assignment]

    def run(self, feeds):  # type: ignore[no-untyped-def]
        self.count += 1
        return self._model.run(feeds)

    def close(self) -> None:
        self._model.close()


def test_a_followed_face_is_looked_at_once_where_it_was(make: Make, kind: str) -> None:
    stage = make()
    runs = Runs(stage)
    for i in range(5):
        disc = (100.0 + 2 * i, 80.0, 30.0)
        face = face_at(*(disc if i == 0 else (20, 20, 10)), track_id=7)  # later, where the tracker says does not matter
        done = stage.step(replace(record(scene({"a": disc}), i, i / 25), faces=(face,)))
        stage.feedback(done)
        assert error(done.faces[0], *disc) < TOLERANCE[kind]
    assert runs.count == 2 + 4


def test_the_region_of_a_followed_face_is_worked_out_once_a_frame(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Landmarks] = []

    def counted(landmarks: Landmarks, size_px: int) -> CropTransform | None:
        asked.append(landmarks)
        return tight_region_of_landmarks(landmarks, size_px)

    monkeypatch.setattr("mien.landmarks.network.tight_region_of_landmarks", counted)
    stage = make()
    for i in range(4):
        given = replace(
            record(scene({"a": (100.0 + i, 80.0, 30.0)}), i, i / 25), faces=(face_at(100, 80, 30, track_id=7),)
        )
        stage.feedback(stage.step(given))
        assert len(asked) == (2 + i if i else 1)  # the first look's, the second look's, then one a frame


def test_the_region_of_a_still_face_stays_and_follows_one_that_moves(make: Make) -> None:
    stage = make()
    regions: list[CropTransform] = []
    for i, x in enumerate([100.0, 100.4, 99.7, 100.2, 103.0, 106.0]):  # the region is 75 px: 2 % are 1.5
        given = replace(record(scene({"a": (x, 80.0, 30.0)}), i, i / 25), faces=(face_at(x, 80, 30, track_id=7),))
        stage.feedback(done := stage.step(given))
        assert done.faces[0].crop is not None
        regions.append(done.faces[0].crop)
    assert all(r is regions[1] for r in regions[2:5])  # the fifth is looked for where the fourth was
    assert np.linalg.norm(regions[5].to_image((63.5, 63.5)) - regions[4].to_image((63.5, 63.5))) > 1.5
    stage.reset(7)
    given = replace(record(scene({"a": (106.0, 80.0, 30.0)}), 9, 1.0), faces=(face_at(106, 80, 30, track_id=7),))
    again = stage.step(given).faces[0].crop
    assert again is not regions[5]


def test_a_face_that_jumped_is_looked_at_again(make: Make, kind: str) -> None:
    stage = make()
    for i, disc in enumerate([(100.0, 80.0, 30.0), (112.0, 86.0, 30.0)]):
        stage.feedback(done := stage.step(replace(record(scene({"a": disc}), i), faces=(face_at(*disc, track_id=7),))))
        assert error(done.faces[0], *disc) < 2 * TOLERANCE[kind]


def test_what_was_not_in_the_record_before_is_new(make: Make) -> None:
    stage = make()
    disc = (100.0, 80.0, 30.0)
    given = replace(record(scene({"a": disc})), faces=(face_at(*disc, track_id=7),))
    stage.feedback(stage.step(given))
    stage.feedback(record(scene({})))
    runs = Runs(stage)
    stage.step(given)
    assert runs.count == 2
    stage.feedback(stage.step(given))
    stage.reset(7)
    runs.count = 0
    stage.step(given)
    assert runs.count == 2


def test_a_given_region_is_used_with_its_turn(make: Make, kind: str) -> None:
    """A tracker's wide region, turned: the points come out turned as well."""
    disc, turn = (100.0, 80.0, 30.0), CropTransform.around((100, 80), 108, 192, 20.0)
    given = replace(record(scene({"a": disc})), faces=(face_at(*disc, track_id=1, crop=turn),))
    (face,) = make(second_look=False).step(given).faces
    assert face.landmarks is not None
    angle = np.radians(-20)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    wanted = layout() @ rotation.T * 30 + [100, 80]
    assert np.linalg.norm(face.landmarks.xy - wanted, axis=1).max() < 30 * TOLERANCE[kind] + 0.5


def test_a_region_without_a_face_is_dropped_and_the_others_stay(make: Make, kind: str) -> None:
    discs = {"a": (100.0, 80.0, 30.0), "b": (220.0, 60.0, 20.0)}
    faces = (face_at(40, 150, 20), face_at(*discs["a"]), face_at(300, 160, 15), face_at(*discs["b"]))
    found = make().step(replace(record(scene(discs)), faces=faces)).faces
    assert len(found) == 2
    for face, disc in zip(found, discs.values(), strict=True):
        assert error(face, *disc) < 2 * TOLERANCE[kind]


@pytest.mark.parametrize("batch", [1, 2, 4])
def test_several_faces_in_runs_of_any_size_are_the_same(make: Make, batch: int) -> None:
    discs = {str(i): (60.0 + 100 * i, 80.0, 25.0 - 4 * i) for i in range(3)}
    given = replace(record(scene(discs)), faces=tuple(face_at(*d) for d in discs.values()))
    one, many = make().step(given).faces, make(batch=batch).step(given).faces
    assert len(one) == len(many) == 3
    for a, b in zip(one, many, strict=True):
        assert a.landmarks is not None
        assert b.landmarks is not None
        assert np.allclose(a.landmarks.xy, b.landmarks.xy, atol=0.02)


def test_points_outside_the_picture_are_guesses(make: Make) -> None:
    disc = (8.0, 80.0, 30.0)
    (face,) = make().step(replace(record(scene({"a": disc})), faces=(face_at(*disc),))).faces
    assert face.landmarks is not None
    outside = face.landmarks.xy[:, 0] < -0.5
    assert outside.any()
    assert face.landmarks.confidence[outside].max() <= 0.2 + 1e-6
    assert face.landmarks.confidence[~outside].min() > 0.5


def test_both_backends_agree(make: Make) -> None:
    given = replace(record(scene({"a": (100, 80, 30)})), faces=(face_at(100, 80, 30),))
    found = [make(backend=name, threads=1).step(given).faces[0] for name in ("openvino", "onnxruntime")]
    a, b = (f.landmarks.xy for f in found if f.landmarks is not None)
    assert np.abs(a - b).max() < 0.1


def test_a_network_of_another_kind_is_refused(disc_models: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no landmark network of this kind.*maps .*, visible "):
        hrnet98.HeatmapLandmarks(hrnet98.Options(model=str(disc_models / "points98-128")))
    with pytest.raises(ModelError, match="no landmark network of this kind"):
        points98.PointLandmarks(points98.Options(model=str(disc_models / "immtcnn-o")))
    write_points(tmp_path / "damaged")
    (tmp_path / "damaged" / "model.onnx").write_bytes(b"")
    with pytest.raises(ModelError, match=r"model\.onnx: 0 bytes"):
        points98.PointLandmarks(points98.Options(model=str(tmp_path / "damaged")))


@pytest.mark.parametrize("option", ["mirrored", "mirrored_new"])
def test_the_mean_with_the_mirror_image_is_put_back_by_name_and_place(
    option: str, disc_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Maps show the picture itself plus the point's number: what is mirrored must come back to its side and name."""

    def run(self: NetworkLandmarks, pixels: Float32, *, new: bool) -> dict[str, Float32]:
        picture = pixels[:, :1, ::4, :].repeat(98, axis=1)[..., :: max(1, pixels.shape[-1] // 32)]
        number = np.arange(98, dtype=np.float32)[:, None, None]
        return {"maps": picture + number, "visible": np.tile(number[:, 0, 0] / 98, (len(pixels), 1))}

    monkeypatch.setattr(NetworkLandmarks, "_run", run)
    options = {"model": str(disc_models / "hrnet98-128"), option: True}
    stage = hrnet98.HeatmapLandmarks(hrnet98.Options.model_validate(options))
    pixels = np.zeros((1, 3, 128, 128), np.float32)
    pixels[..., :64] = 500.0
    out = stage._run(pixels, new=True)
    followed = stage._run(pixels)["maps"][0, :, 0, 0] - 500
    assert followed == pytest.approx(out["maps"][0, :, 0, 0] - 500 if option == "mirrored" else np.arange(98))
    mirror = np.array(load_schema("wflw98").mirror)
    number = (np.arange(98) + mirror) / 2
    assert out["maps"][0, :, 0, 0] - 500 == pytest.approx(number)
    assert out["maps"][0, :, 0, -1] == pytest.approx(number)
    assert out["visible"][0] == pytest.approx(number / 98)


def test_both_views_of_a_mirrored_look_share_a_run(disc_models: Path) -> None:
    """In the order of the faces, whatever `batch` is; the mean is that of two runs."""
    discs = {"a": (80.0, 80.0, 30.0), "b": (220.0, 90.0, 26.0)}
    given = replace(record(scene(discs)), faces=tuple(face_at(*d) for d in discs.values()))
    stages = {}
    for name, options in (
        ("one", {"mirrored": True}),
        ("new", {"mirrored_new": True}),
        ("two", {"mirrored": True, "batch": 2}),
    ):
        table = {"model": str(disc_models / "hrnet98-128"), "second_look": False, **options}
        stages[name] = hrnet98.HeatmapLandmarks(hrnet98.Options.model_validate(table))
    runs = {name: Runs(stage) for name, stage in stages.items()}
    found = {name: stage.step(given).faces for name, stage in stages.items()}
    assert {name: r.count for name, r in runs.items()} == {"one": 2, "new": 4, "two": 1}
    for a, b, c, disc in zip(*found.values(), discs.values(), strict=True):
        assert a.landmarks is not None
        assert b.landmarks is not None
        assert c.landmarks is not None
        assert np.allclose(a.landmarks.xy, b.landmarks.xy, atol=1e-3)
        assert np.allclose(a.landmarks.xy, c.landmarks.xy, atol=0.02)
        assert error(a, *disc) > 1  # a disc's points are no face's: their mirror image is another shape


def test_a_new_face_must_convince_more_than_a_followed_one(make: Make) -> None:
    disc = (100.0, 80.0, 30.0)
    given = replace(record(scene({"a": disc})), faces=(face_at(*disc, track_id=0),))
    (seen,) = make().step(given).faces
    stage = make(min_presence_new=1.0)
    assert stage.step(given).faces == ()
    stage.feedback(replace(given, faces=(replace(seen, track_id=0),)))
    assert len(stage.step(given).faces) == 1


def test_of_a_new_face_the_detectors_doubt_counts_too(make) -> None:
    disc = (100.0, 80.0, 30.0)
    sure = face_at(*disc, track_id=0)
    given = replace(record(scene({"a": disc})), faces=(sure,))
    (seen,) = make(min_evidence_new=0.2).step(given).faces
    doubted = replace(given, faces=(replace(sure, box=replace(sure.box, confidence=0.1)),))
    stage = make(min_evidence_new=0.2)
    assert stage.step(doubted).faces == ()
    stage.feedback(replace(given, faces=(replace(seen, track_id=0),)))
    assert len(stage.step(doubted).faces) == 1  # followed: the detector is not asked again


def test_a_twin_in_8_bits_only_follows(disc_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = str(tmp_path / "hrnet98-128")
    shutil.copytree(disc_models / "hrnet98-128", name)
    with pytest.raises(ModelError, match="hrnet98-128-int8"):
        hrnet98.HeatmapLandmarks(hrnet98.Options(model=name, eight_bit=True))
    shutil.copytree(name, name + "-int8")
    stage = hrnet98.HeatmapLandmarks(hrnet98.Options(model=name, eight_bit=True))
    asked: list[str] = []
    for which, model in (("model", stage._model), ("twin", stage._quick)):
        assert model is not None
        object.__setattr__(model, "session", _Told(model.session, which, asked))
    disc = (100.0, 80.0, 30.0)
    first = stage.step(replace(record(scene({"a": disc})), faces=(face_at(*disc, track_id=1),)))
    assert set(asked) == {"model"}
    asked.clear()
    stage.feedback(first)
    stage.step(replace(record(scene({"a": disc})), faces=(face_at(*disc, track_id=1),)))
    assert asked == ["twin"]
    assert len(stage.models) == 2
    stage.close()
    wanted = {o: hrnet98._wants_twin(hrnet98.Options(eight_bit=o, model="x")) for o in (True, False, None)}
    assert wanted == {True: True, False: False, None: False}  # no such twin is shipped
    monkeypatch.setattr(hrnet98, "eight_bit_pays", lambda: True)
    assert hrnet98._wants_twin(hrnet98.Options())
    assert not hrnet98._wants_twin(hrnet98.Options(precision="f32"))


@pytest.mark.parametrize("missing", ["", "-int8"])
def test_if_one_of_the_two_cannot_be_opened_the_other_is_closed(
    missing: str, disc_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = str(tmp_path / "hrnet98-128")
    shutil.copytree(disc_models / "hrnet98-128", name + ("-int8" if not missing else ""))
    closed: list[Path] = []
    monkeypatch.setattr(Model, "close", lambda self: closed.append(self.folder))
    with pytest.raises(ModelError, match="there is no model folder"):
        hrnet98.HeatmapLandmarks(hrnet98.Options(model=name, eight_bit=True))
    assert [p.name for p in closed] == ["hrnet98-128" + ("-int8" if not missing else "")]


def test_a_shipped_twin_is_of_the_weights_that_ship() -> None:
    twins = [name for name in shipped_names() if name.endswith(hrnet98.TWIN)]
    assert twins
    for name in twins:
        version = read_card(model_folder(name.removesuffix(hrnet98.TWIN))).version
        assert read_card(model_folder(name)).version == f"{version}{hrnet98.TWIN}"


class _Told:
    """A session that says it was asked."""

    def __init__(self, session: Session, name: str, asked: list[str]) -> None:
        self._session, self._name, self._asked = session, name, asked

    def run(self, feeds: dict[str, Float32]) -> dict[str, Float32]:
        self._asked.append(self._name)
        return self._session.run(feeds)

    def __getattr__(self, name: str) -> object:
        return getattr(self._session, name)


def test_small_faces_are_believed_from_lower_maps_and_specks_are_not(disc_models: Path) -> None:
    stage = hrnet98.HeatmapLandmarks(hrnet98.Options(model=str(disc_models / "hrnet98-128")))

    def presence(side: float) -> float:
        return stage._judged(0.4, np.array([[0, 0], [side, 1.2 * side]], np.float32))

    assert presence(100) == presence(48) == presence(20) == presence(10) == pytest.approx(0.4)
    assert presence(26) == pytest.approx(0.6)
    assert presence(37) == pytest.approx(0.5)
    assert stage._judged(0.9, np.array([[0, 0], [26, 26]], np.float32)) == 1.0
    assert stage._judged(0.1, np.array([[0, 0], [np.nan, 26]], np.float32)) == 0.1
    stage.close()


def test_one_picture_needs_no_twin_unless_it_is_asked_for() -> None:
    less = hrnet98.HeatmapLandmarks.for_still
    assert less(hrnet98.Options(min_presence=0.3)) == hrnet98.Options(min_presence=0.3, eight_bit=False)
    assert less(hrnet98.Options(eight_bit=True)).eight_bit is True
