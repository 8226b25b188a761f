"""Teaching detectors: boxes, scenes, windows, losses, mining, and the stages in a row on tiny data."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mien.detect.cascade_geometry import corrected, squared
from mien.errors import ConfigError, RequestError, SourceError
from mien.lab.models.answers import WindowAnswer
from mien.lab.models.mtcnn import ClassicMtcnn
from mien.lab.models.ssd import Ssd, SsdSpec
from mien.lab.train import detect, ssd
from mien.lab.train.detect import CascadeRun, read_windows
from mien.lab.train.detector_boxes import FOREHEAD, face_boxes
from mien.lab.train.detector_cutouts import Cutouts
from mien.lab.train.detector_mining import MiningSpec, candidates_of, mine
from mien.lab.train.detector_networks import build, read_network
from mien.lab.train.detector_recipe import read_stages
from mien.lab.train.detector_scene_faces import Portrait, Sources
from mien.lab.train.detector_scenes import Scene, make_scene
from mien.lab.train.detector_sources import WORDS, Places, read_sources
from mien.lab.train.detector_task import Batch, WindowSpec, WindowTask, missed, shaken, window_loss
from mien.lab.train.detector_windows import NEGATIVE, PART, POSITIVE, Windows, around_faces, cut, label
from mien.lab.train.loop import Schedule
from mien.lab.train.recipe import CASCADE_KEYS, SSD_KEYS, read_recipe, settings

RECIPES = Path(__file__).resolve().parents[3] / "recipes"
FIVE = np.array([[14, 20], [34, 20], [24, 28], [17, 38], [31, 38]], np.float32)
BOX = np.array([4, 1, 43, 47], np.float32)


@pytest.fixture(scope="module")
def sources() -> Sources:
    rng = np.random.default_rng(0)
    photos = [cv2.resize(rng.integers(0, 255, (9, 12, 3), np.uint8), (320, 240)) for _ in range(3)]
    faces = np.stack([cv2.resize(rng.integers(0, 255, (6, 6), np.uint8), (48, 48)) for _ in range(40)])
    cutouts = Cutouts(faces, np.tile(BOX, (40, 1)), np.tile(FIVE, (40, 1, 1)))
    large = rng.integers(0, 255, (200, 200, 3), np.uint8)
    portrait = Portrait(large, (10, 10, 190, 200), 3 * BOX + 30, 3 * FIVE + 30)
    return Sources(photos, cutouts, [portrait], None)


def scene_of(*boxes: tuple[float, float, float, float], ignored: tuple[bool, ...] | None = None) -> Scene:
    image = np.random.default_rng(1).integers(0, 255, (512, 512, 3), np.uint8)
    wide = np.array(boxes, np.float32).reshape(-1, 4)
    five = wide[:, None, :2] + (wide[:, 2:] - wide[:, :2])[:, None] * (FIVE / 48)
    return Scene(image, wide, five.astype(np.float32), np.array(ignored or [False] * len(boxes), bool))


def test_a_box_reaches_up_the_forehead_whichever_way_the_face_is_turned() -> None:
    tight = np.array([[10, 10, 50, 50]], np.float32)
    upright = face_boxes(tight, FIVE[None])
    np.testing.assert_allclose(upright, [[10, 10 - FOREHEAD * 40, 50, 50]], atol=1e-4)
    lying = np.stack([FIVE[:, 1], FIVE[:, 0]], axis=1)[None]  # eyes to the left of the mouth
    np.testing.assert_allclose(face_boxes(tight, lying), [[10 - FOREHEAD * 40, 10, 50, 50]], atol=1e-4)
    np.testing.assert_allclose(face_boxes(tight, np.full((1, 5, 2), np.nan, np.float32)), upright, atol=1e-4)


def test_scenes_follow_from_their_number_and_hold_labelled_faces(sources: Sources) -> None:
    scenes = [make_scene(sources, n) for n in range(12)]
    again = make_scene(sources, 5)
    assert (again.image == scenes[5].image).all()
    assert (again.boxes_xyxy == scenes[5].boxes_xyxy).all()
    assert (scenes[4].image != scenes[5].image).any()
    assert sum(len(s.boxes_xyxy) for s in scenes) > 20
    for scene in scenes:
        assert scene.image.shape == (512, 512, 3)
        assert (scene.boxes_xyxy[:, 2:] > scene.boxes_xyxy[:, :2]).all()
        centres = scene.five_xy.mean(axis=1)
        assert (centres > scene.boxes_xyxy[:, :2]).all()
        assert (centres < scene.boxes_xyxy[:, 2:]).all()


def test_windows_are_what_their_overlap_says() -> None:
    scene = scene_of((100, 100, 140, 150))
    square = squared(scene.boxes_xyxy)[0]
    side = square[2] - square[0]
    shifts = np.array([0.0, 0.1, 0.35, 0.5, 1.5]) * side
    moved = np.stack([square + np.array([s, 0, s, 0]) for s in shifts]).astype(np.float32)
    kinds, boxes, points = label(moved, scene)
    assert kinds.tolist() == [POSITIVE, POSITIVE, PART, 2, NEGATIVE]
    back = corrected(moved[:3], boxes[:3])
    np.testing.assert_allclose(back, np.tile(scene.boxes_xyxy, (3, 1)), atol=1e-3)
    assert np.isnan(points[4]).all()
    assert (boxes[4] == 0).all()


def test_windows_on_ignored_faces_teach_nothing() -> None:
    scene = scene_of((100, 100, 140, 150), ignored=(True,))
    square = squared(scene.boxes_xyxy)
    kinds, _, _ = label(np.concatenate([square, square + 10, square + 20, square + 300]).astype(np.float32), scene)
    assert kinds.tolist() == [2, 2, 2, NEGATIVE]


def test_cut_windows_show_the_face() -> None:
    scene = scene_of((100, 100, 148, 148))
    scene.image[100:149, 100:149] = (250, 10, 10)
    for size in (12, 24, 48):
        windows = cut(scene, scene.boxes_xyxy, size)
        assert windows.crops.shape == (1, size, size, 3)
        assert np.abs(windows.crops[0, 2:-2, 2:-2].astype(int) - (250, 10, 10)).max() <= 2


def test_a_mirrored_window_has_mirrored_answers() -> None:
    scene = scene_of((100, 90, 130, 150))
    square = np.array([[95, 92, 145, 142]], np.float32)
    windows = cut(scene, square, 24)
    plain = WindowSpec(colour=0, shade=0, grey=0, duotone=0, cover=0)
    both = [shaken(windows, plain, np.random.default_rng(s)) for s in range(8)]
    straight = next(b for b in both if torch.allclose(b.box, torch.from_numpy(windows.boxes)))
    turned = next(b for b in both if not torch.allclose(b.box, torch.from_numpy(windows.boxes)))
    torch.testing.assert_close(turned.image, straight.image.flip(-1))
    found = corrected(square, turned.box.numpy())[0]
    np.testing.assert_allclose(found, [110, 90, 140, 150], atol=1e-3)  # 95 + 145 − x
    right_eye = straight.points[0, 2:4]  # the left eye becomes the right one
    torch.testing.assert_close(turned.points[0, :2], torch.stack([1 - right_eye[0], right_eye[1]]))


def test_only_the_hardest_answers_count_and_parts_are_not_judged() -> None:
    kind = torch.tensor([POSITIVE, NEGATIVE, NEGATIVE, NEGATIVE, PART])
    logits = torch.tensor([[4.0], [-4.0], [-4.0], [3.0], [9.0]], requires_grad=True)
    box = torch.zeros(5, 4, requires_grad=True)
    wanted = torch.tensor([[0.1, 0, 0, 0]] * 5)
    batch = Batch(torch.zeros(5, 3, 12, 12), kind, wanted, torch.full((5, 10), float("nan")))
    total, parts = window_loss(WindowAnswer(logits, box, None), batch, WindowSpec(hard=0.25, box_weight=1.0))
    expected = float(torch.nn.functional.softplus(torch.tensor(3.0)))
    assert parts["face"] == pytest.approx(expected)
    assert parts["box"] == pytest.approx(0.01)
    total.backward()
    assert logits.grad is not None
    assert box.grad is not None
    assert logits.grad[:3].abs().sum() == 0
    assert logits.grad[4] == 0
    assert box.grad[1:4].abs().sum() == 0


def test_points_that_are_not_known_are_not_taught() -> None:
    batch = Batch(
        torch.zeros(2, 3, 48, 48), torch.tensor([1, 1]), torch.zeros(2, 4), torch.tensor([[0.5] * 10, [np.nan] * 10])
    )
    points = torch.zeros(2, 10, requires_grad=True)
    total, parts = window_loss(WindowAnswer(torch.zeros(2, 1), torch.zeros(2, 4), points), batch, WindowSpec())
    assert parts["points"] == pytest.approx(2.5)
    total.backward()
    assert points.grad is not None
    assert points.grad[1].abs().sum() == 0


def test_missed_counts_positives_below_the_negatives_quantile() -> None:
    negative = np.arange(1000, dtype=np.float32)
    assert missed(np.array([998.5, 999.5, 10.0], np.float32), negative, 1e-3) == pytest.approx(2 / 3, abs=0.34)
    assert missed(np.array([2000.0], np.float32), negative, 1e-3) == 0


def test_mining_gives_what_the_networks_let_through(sources: Sources) -> None:
    torch.manual_seed(0)
    nets = [ClassicMtcnn("p").eval(), ClassicMtcnn("r").eval()]
    scene, spec = make_scene(sources, 3), MiningSpec(proposal=0.0, refine=0.0, candidates=50, negatives=20, jittered=4)
    rng = np.random.default_rng(0)
    found = candidates_of(nets, scene.image, spec)
    assert 0 < len(found) <= 50
    np.testing.assert_allclose(found[:, 2] - found[:, 0], found[:, 3] - found[:, 1], rtol=1e-3)
    windows = mine(scene, nets, 48, spec, rng)
    assert (windows.kinds == NEGATIVE).sum() <= 20
    assert (windows.kinds == POSITIVE).sum() >= 1
    assert windows.crops.shape[1:] == (48, 48, 3)
    assert len(around_faces(scene, 4, rng)) == 4 * (~scene.ignored).sum()


def test_batches_keep_their_shares_and_follow_from_the_step() -> None:
    rng = np.random.default_rng(0)
    kinds = np.repeat(np.array([NEGATIVE, POSITIVE, PART], np.int8), [80, 10, 10])
    windows = Windows(
        rng.integers(0, 255, (100, 12, 12, 3), np.uint8),
        kinds,
        np.zeros((100, 4), np.float32),
        np.full((100, 10), np.nan, np.float32),
    )
    task = WindowTask(ClassicMtcnn("p"), WindowSpec(), windows, windows, batch=50)
    batch = next(iter(task.batches(3)))
    assert [(batch.kind == k).sum().item() for k in (NEGATIVE, POSITIVE, PART)] == [30, 10, 10]
    assert torch.equal(batch.image, next(iter(task.batches(3))).image)


RECIPE = {
    "stage": [
        {"name": "p", "slot": "p", "model": {"kind": "mtcnn-p"}},
        {"name": "r", "slot": "r", "model": {"kind": "immtcnn-r", "alpha": 0.25}},
        {"name": "o", "slot": "o", "model": {"kind": "immtcnn-o", "parallel": False}},
        {"name": "o2", "slot": "o", "model": {"kind": "immtcnn-o", "parallel": False}, "again": "o"},
    ]
}
SHORT = {
    "scenes": [0, 3],
    "held_out_scenes": 2,
    "schedule": {"steps": 2, "batch": 16, "half": False},
    "mining": {"negatives": 10, "jittered": 4, "proposal": 0.0, "refine": 0.0, "output": 0.0, "candidates": 20},
}


def placed(sources: Sources, folder: Path) -> Places:
    """The sources as folders."""
    photos = folder / "photos"
    photos.mkdir()
    for i, photo in enumerate(sources.photos):
        cv2.imwrite(str(photos / f"{i}.png"), photo)
    faces = sources.cutouts
    archive = folder / "fer2013.npz"
    np.savez(archive, train_images=faces.images, train_labels=np.zeros(40, np.uint8))
    np.savez(folder / "cutouts.npz", boxes=faces.boxes_xyxy, five=faces.five_xy)
    return Places({"fer2013": archive, "backgrounds": photos}, frozenset({"2"}), folder)


def test_windows_are_mined_by_shipped_networks_and_nothing_is_trained(sources: Sources, tmp_path: Path) -> None:
    shipped = [
        {"name": "p", "slot": "p", "model": {"kind": "immtcnn-p", "widths": [16, 24, 40]}, "shipped": "immtcnn-p"},
        {"name": "r", "slot": "r", "model": {"kind": "immtcnn-r"}, "shipped": "immtcnn-r"},
    ]
    stages = read_stages({"stage": [{**SHORT, **stage, "kept": True} for stage in shipped]})
    CascadeRun(stages, tmp_path, placed(sources, tmp_path)).mine()
    sides = {name: read_windows(tmp_path / name / "windows.npz").crops.shape[1] for name in ("p", "r")}
    assert sides == {"p": 12, "r": 24}
    assert len(read_windows(tmp_path / "r" / "held_out.npz")) > 0
    assert not list(tmp_path.rglob("*.pt"))


def test_stages_train_one_after_another_and_a_finished_one_is_kept(sources: Sources, tmp_path: Path) -> None:
    places = placed(sources, tmp_path)
    stages = read_stages({"stage": [{**SHORT, **stage} for stage in RECIPE["stage"]]})
    CascadeRun(stages, tmp_path, places).train()
    net = read_network(tmp_path / "o2" / "best.pt")
    assert net(torch.zeros(1, 3, 48, 48)).points.shape == (1, 10)
    before = (tmp_path / "r" / "best.pt").stat().st_mtime_ns
    CascadeRun(stages, tmp_path, places).train()
    assert (tmp_path / "r" / "best.pt").stat().st_mtime_ns == before


def test_what_is_held_out_is_not_trained_on(sources: Sources, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for i in range(3):
        cv2.imwrite(str(photos / f"{i}.png"), np.full((200, 200, 3), 80 * i, np.uint8))
    np.savez(tmp_path / "fer2013.npz", train_images=sources.cutouts.images)
    np.savez(tmp_path / "cutouts.npz", boxes=sources.cutouts.boxes_xyxy, five=sources.cutouts.five_xy)
    places = Places({"fer2013": tmp_path / "fer2013.npz", "backgrounds": photos}, frozenset({"1"}), tmp_path)
    train, val = read_sources(places, "train"), read_sources(places, "val")
    assert [int(p.mean()) for p in train.photos] == [0, 160]
    assert [int(p.mean()) for p in val.photos] == [80]
    assert len(train.cutouts) + len(val.cutouts) == 40


def wider_copy(folder: Path, count: int) -> Path:
    """Pictures of 400 × 300 px, each with a white square as its face and a grey one that is called invalid."""
    lines = []
    for i in range(count):
        image = np.zeros((300, 400, 3), np.uint8)
        image[100:140, 150 + i : 190 + i] = 255
        image[200:230, 40:70] = 120
        name = folder / f"WIDER_train/images/0--Parade/{i}.png"
        name.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(name), image)
        lines += [f"0--Parade/{i}.png", "2", f"{150 + i} 100 40 40 0 0 0 0 0 0", "40 200 30 30 0 0 0 1 0 0"]
    (folder / "wider_face_split").mkdir()
    (folder / "wider_face_split/wider_face_train_bbx_gt.txt").write_text("\n".join(lines) + "\n")
    return folder


def test_scenes_are_cut_out_of_marked_pictures_with_their_boxes(sources: Sources, tmp_path: Path) -> None:
    places = Places({"wider": wider_copy(tmp_path / "wider", 21)}, frozenset(), tmp_path)
    train, val = read_sources(places, "train"), read_sources(places, "val")
    assert train.marked is not None
    assert val.marked is not None
    assert sorted([*train.marked.numbers, *val.marked.numbers]) == list(range(21))
    assert list(val.marked.numbers) == [0, 20]
    faces = 0
    for n in range(40):
        scene = make_scene(train, n)
        assert scene.image.shape == (512, 512, 3)
        for box, ignored in zip(scene.boxes_xyxy, scene.ignored, strict=True):
            left, top, right, bottom = (round(float(v)) for v in np.clip(box, 0, 511))
            shown = scene.image[top + 9 : bottom - 9, left + 9 : right - 9, 0]
            if shown.size:
                assert shown.min() == shown.max()
                assert shown[0, 0] in ((255, 120) if ignored else (255,))  # the grey one is called invalid
                faces += not ignored
    assert faces > 15
    mixed = Sources(sources.photos, sources.cutouts, sources.portraits, None, train.marked)
    kinds = [(make_scene(mixed, n).image == make_scene(sources, n).image).all() for n in range(20)]
    assert not all(kinds)


def test_validation_pictures_are_never_trained_on(tmp_path: Path) -> None:
    (tmp_path / "validation.json").write_text('{"images": [{"file": "a.jpg", "boxes": [[1, 2, 30, 40]]}]}')
    with pytest.raises((RequestError, SourceError)):
        read_sources(Places({"wider": tmp_path}, frozenset(), tmp_path), "train")
    for folders, turned in (({"wider": tmp_path, "drawn": tmp_path}, ()), ({"wider": tmp_path}, ("turned_photos",))):
        with pytest.raises(ConfigError, match="beside fer2013 and backgrounds only"):
            read_sources(Places(folders, frozenset(), tmp_path), "train", turned)


@pytest.mark.parametrize("recipe", sorted(RECIPES.glob("detector-*.toml")), ids=lambda p: p.stem)
def test_recipes_that_ship_can_be_built(recipe: Path) -> None:
    if recipe.stem == "detector-ssd":
        table = read_recipe(recipe, SSD_KEYS)
        Ssd(settings(SsdSpec, table["model"]))
        spec = settings(ssd.ScenesSpec, table["data"])
        assert set(spec.turned) <= set(WORDS)
        return
    stages = read_stages(read_recipe(recipe, CASCADE_KEYS))
    for stage in stages:
        assert sum(p.numel() for p in build(stage.model).parameters()) > 1000
        settings(WindowSpec, stage.task or {})
        settings(MiningSpec, stage.mining or {})
        settings(Schedule, stage.schedule or {})


@pytest.mark.parametrize(
    ("stages", "what"),
    [
        ([], "no \\[\\[stage\\]\\]"),
        ([{"name": "r", "slot": "r", "scenes": [0, 1], "model": {}}], "trains p"),
        ([{"name": "x", "slot": "x", "scenes": [0, 1], "model": {}}], "slot"),
        ([{"name": "p", "slot": "p", "scenes": [0, 1], "model": {}, "again": "q"}], "again"),
        ([{"name": "p", "slot": "p", "scenes": [0, 1], "model": {}, "colour": 1}], "colour"),
        ([{"name": "p", "slot": "p", "model": {}}], "scenes"),
    ],
)
def test_mistakes_in_a_recipe_are_told(stages: list[dict[str, object]], what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        read_stages({"stage": stages})


@pytest.mark.parametrize("size", ["500", "0", "-32"])
def test_a_side_that_the_anchors_do_not_fit_is_refused(tmp_path: Path, size: str) -> None:
    with pytest.raises(ConfigError, match=f"--size {size}: a multiple of 32 px"):
        ssd.main(["--config", str(tmp_path / "none.toml"), "--out", str(tmp_path / "o"), f"--size={size}"])


@pytest.mark.parametrize("program", [detect.main, ssd.main])
@pytest.mark.parametrize(
    ("text", "word", "what"),
    [
        ("held_uot = []", "sfhq=x", "unknown key 'held_uot'; did you mean \"held_out\""),
        ("held_out = []", "sfhq", "--set sfhq: expected WORD=PLACE"),
        ("held_out = []", "sfqh=x", "asks for no 'sfqh'; did you mean \"sfhq\""),
    ],
)
def test_whatever_a_recipe_or_its_command_says_is_understood(
    tmp_path: Path, program: Callable[[list[str]], None], text: str, word: str, what: str
) -> None:
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(ConfigError, match=what):
        program(["--config", str(tmp_path / "r.toml"), "--out", str(tmp_path / "o"), "--set", word])


def test_unknown_networks_are_told() -> None:
    with pytest.raises(ConfigError, match="kind"):
        build({"kind": "yolo"})
    with pytest.raises(ConfigError, match="wide"):
        build({"kind": "mtcnn-p", "wide": 3})
