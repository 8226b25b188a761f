from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from mien.avatar.builtin import builtin_character
from mien.avatar.character import SHAPES, Character, Part, playable, vertex_normals
from mien.core.arrays import Float64


@pytest.fixture(scope="module")
def character() -> Character:
    return builtin_character()


def part(character: Character, name: str) -> Part:
    return next(p for p in character.parts if p.name == name)


def test_every_shape_moves_the_skin_by_a_visible_and_sane_amount(character: Character) -> None:
    assert character.shape_names == SHAPES.names
    skin = part(character, "skin")
    for name in SHAPES.names:
        largest = np.linalg.norm(skin.morphs[name], axis=1).max()
        assert 0.002 < largest < 0.045, name
    for p in character.parts:
        assert max((np.abs(d).max() for d in p.morphs.values()), default=0.0) < 0.06, p.name


def test_shapes_are_local(character: Character) -> None:
    skin = part(character, "skin")
    y_eyes = 0.0 - character.origin_m("head")[1]
    above, below = skin.positions[:, 1] > y_eyes + 0.035, skin.positions[:, 1] < y_eyes - 0.045
    for name in SHAPES.names:
        moved = np.abs(skin.morphs[name]).max(axis=1)
        if name.startswith(("jaw", "mouth", "tongue", "cheekPuff")):
            assert moved[above].max() < 2e-4, name
        if name.startswith(("brow", "eyeLook", "eyeWide")):
            assert moved[below].max() < 2e-4, name
        if name.endswith("Left") and not name.startswith(("jaw", "mouth")):
            assert moved[skin.positions[:, 0] < -0.012].max() < 1e-3, name


def test_the_two_sides_mirror_each_other(character: Character) -> None:
    flip = np.float32([-1, 1, 1])
    for name in ("skin", "brows", "lashes", "mouth"):
        p = part(character, name)
        still = np.zeros_like(p.positions)
        for shape in SHAPES.names:
            twin = SHAPES.names[SHAPES.mirror[SHAPES.index(shape)]]
            moved = p.positions + p.morphs.get(shape, still)
            other = (p.positions + p.morphs.get(twin, still)) * flip
            # Every point of the one is a point of the other, at rest and moved.
            gap, _ = cKDTree(np.hstack([p.positions, moved])).query(np.hstack([p.positions * flip, other]))
            assert gap.max() < 2e-5, (name, shape)


def test_blinking_lids_meet_and_never_cut_the_eyeball(character: Character) -> None:
    skin, eye = part(character, "skin"), part(character, "eye_left")
    centre = character.origin_m("eye_left") - character.origin_m("head")
    radius = np.linalg.norm(eye.positions, axis=1).min()
    blink, shrink = skin.morphs["eyeBlinkLeft"], eye.morphs["eyeBlinkLeft"]
    edge = np.arange(40, 80)  # second loop: the edge of the left lids
    for weight in np.linspace(0.0, 1.0, 11):
        ball = np.linalg.norm(eye.positions + weight * shrink, axis=1).min()
        lids = np.linalg.norm(skin.positions[edge] + weight * blink[edge] - centre, axis=1).min()
        assert lids > ball, weight
    assert radius > 0.02
    closed = skin.positions[edge] + blink[edge]
    upper, lower = closed[1:20], closed[39:20:-1]
    np.testing.assert_allclose(upper[:, 1], lower[:, 1], atol=8e-4)


def test_the_closed_mouth_stays_closed_over_an_open_jaw(character: Character) -> None:
    skin = part(character, "skin")
    both = skin.morphs["jawOpen"] + skin.morphs["mouthClose"]
    lips = np.linalg.norm(part(character, "mouth").positions[:48, None] - skin.positions[None], axis=2).argmin(axis=1)
    assert np.abs(skin.morphs["jawOpen"][lips]).max() > 0.02
    assert np.abs(both[lips]).max() < 1e-3


def test_the_skin_is_one_sheet_with_three_holes(character: Character) -> None:
    triangles = part(character, "skin").triangles.astype(np.int64)
    edges = np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    pairs, count = np.unique(edges, axis=0, return_counts=True)
    assert set(count.tolist()) == {1, 2}
    rims = pairs[count == 1]
    assert (np.bincount(rims.ravel())[np.unique(rims)] == 2).all()
    vertices, faces = len(np.unique(triangles)), len(triangles)
    assert vertices - len(pairs) + faces == 2 - 3  # a sphere less two eyes and a mouth


def test_size_and_normals(character: Character) -> None:
    assert 5_000 <= character.vertex_count <= 12_000
    for p in character.parts:
        assert p.triangles.max() < len(p.positions)
        assert p.positions.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(p.normals, axis=1), 1.0, atol=1e-5)
        assert np.isfinite(p.positions).all()
        if p.colours is not None:
            assert p.colours.min() >= 0.0
            assert p.colours.max() <= 1.0


def test_it_is_the_same_every_time(character: Character) -> None:
    again = builtin_character.__wrapped__()
    for a, b in zip(character.parts, again.parts, strict=True):
        np.testing.assert_array_equal(a.positions, b.positions)
        np.testing.assert_array_equal(a.triangles, b.triangles)


def test_playable_limits_the_correction_of_the_mouth() -> None:
    weights = np.zeros((2, 52), np.float32)
    weights[:, SHAPES.index("mouthClose")] = 0.8
    weights[1, SHAPES.index("jawOpen")] = 1.4
    out = playable(weights)
    assert out[:, SHAPES.index("mouthClose")].tolist() == [0.0, np.float32(0.8)]
    assert out.max() == 1.0


def test_normals_of_a_known_mesh() -> None:
    corners = np.float32([[0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 5, 5]])
    out = vertex_normals(corners, np.array([[0, 1, 2]], np.uint32))
    np.testing.assert_array_equal(out, np.tile([0, 0, 1], (4, 1)))


def test_an_unknown_node_is_named(character: Character) -> None:
    with pytest.raises(KeyError, match="tail"):
        character.origin_m("tail")


def moves(character: Character) -> Float64:
    """(52, N) offsets of every vertex of every part."""
    rows = []
    for name in SHAPES.names:
        rows.append(np.concatenate([p.morphs.get(name, np.zeros_like(p.positions)).ravel() for p in character.parts]))
    return np.array(rows, np.float64)


def test_no_two_shapes_are_alike(character: Character) -> None:
    every = moves(character)
    size = np.linalg.norm(every, axis=1)
    alike = every @ every.T / np.outer(size, size) - 2 * np.eye(52)
    apart = np.array([np.linalg.norm(every - one, axis=1) for one in every])
    apart = apart / np.maximum.outer(size, size) + 9 * np.eye(52)
    # The nearest pairs: funnel and pucker (.923, .385), a look up and a wide eye (.903, .471).
    for matrix, worst, limit in ((alike, alike.argmax(), 0.93), (-apart, apart.argmin(), -0.38)):
        i, j = np.unravel_index(worst, matrix.shape)
        assert matrix[i, j] < limit, (SHAPES.names[i], SHAPES.names[j])


SEAM = {"mouthSmileLeft": 0.06, "mouthFrownLeft": 0.03, "mouthStretchLeft": 0.10, "noseSneerLeft": 0.05}
"""Shapes of the middle of the face are soft across its seam: share of the largest move that is left 5 mm beyond it."""


def test_a_side_leaves_the_other_alone(character: Character) -> None:
    skin = part(character, "skin")
    for name in (n for n in SHAPES.names if n.endswith("Left") and n not in ("jawLeft", "mouthLeft")):
        largest = np.linalg.norm(skin.morphs[name], axis=1).max()
        for p in character.parts:
            if name not in p.morphs:
                continue
            x = p.positions[:, 0] + (character.origin_m(p.node) - character.origin_m("head"))[0]
            moved = np.linalg.norm(p.morphs[name], axis=1) / largest
            for beyond, limit in ((0.002, 0.17), (0.005, SEAM.get(name, 0.09)), (0.012, 0.035)):
                assert moved[x < -beyond].max(initial=0.0) < limit, (name, p.name, beyond)


MOUTHS: dict[str, dict[str, float]] = {
    "open": {"jawOpen": 1.0},
    "funnel": {"mouthFunnel": 1.0},
    "pucker": {"mouthPucker": 1.0},
    "oh": {"jawOpen": 0.6, "mouthFunnel": 1.0},
    "roll": {"mouthRollUpper": 1.0, "mouthRollLower": 1.0},
    "shrug": {"mouthShrugUpper": 1.0, "mouthShrugLower": 1.0},
    "smile": {"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0},
    "frown": {"mouthFrownLeft": 1.0, "mouthFrownRight": 1.0},
    "press": {"mouthPressLeft": 1.0, "mouthPressRight": 1.0},
    "snarl": {"mouthUpperUpLeft": 1.0, "mouthUpperUpRight": 1.0, "mouthLowerDownLeft": 1.0, "mouthLowerDownRight": 1.0},
    "laugh": {"jawOpen": 1.0, "mouthSmileLeft": 1.0, "mouthSmileRight": 1.0},
    "closed": {"jawOpen": 1.0, "mouthClose": 1.0},
}


def turned(p: Part, weights: dict[str, float]) -> tuple[Float64, Float64, Float64]:
    """Normals at rest and moved, and how far triangles turned (cosine); normals are as long as twice the area, mm²."""
    faces = p.triangles.astype(np.int64)
    moved = p.positions + sum(w * p.morphs[n] for n, w in weights.items() if n in p.morphs)
    both = []
    for xyz in (p.positions, moved):
        a, b, c = (xyz[faces[:, k]].astype(np.float64) * 1000 for k in range(3))
        both.append(np.cross(b - a, c - a))
    length = [np.linalg.norm(n, axis=1) for n in both]
    return both[0], both[1], (both[0] * both[1]).sum(axis=1) / np.maximum(length[0] * length[1], 1e-9)


@pytest.mark.parametrize("mouth", MOUTHS)
def test_no_lip_turns_inside_out(character: Character, mouth: str) -> None:
    rest, moved, cosine = turned(part(character, "skin"), MOUTHS[mouth])
    flipped = cosine < 0
    # In the corners a fold as wide as a hair opens: up to 14 slivers, half of them on each side.
    assert flipped.sum() <= 14
    shown = flipped & (rest[:, 2] > 0) & (moved[:, 2] < 0)
    area = np.linalg.norm(moved[shown], axis=1) / 2
    assert area.sum() < 2.5, "mm² of skin that faced the front and shows its back"
    assert area.max(initial=0.0) < 0.6


def test_lowered_brows_do_not_push_the_skin_through_itself(character: Character) -> None:
    skin = part(character, "skin")
    for sneer, most in ((0.0, 0), (0.6, 6), (1.0, 8)):
        weights = {f"browDown{s}": 1.0 for s in ("Left", "Right")} | {f"noseSneer{s}": sneer for s in ("Left", "Right")}
        assert (turned(skin, weights)[2] < 0).sum() <= most, sneer
