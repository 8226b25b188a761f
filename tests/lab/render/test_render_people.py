"""What persons bring along: hair as meshes of its own, and the areas that are painted."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien.lab.render.assemble import stage
from mien.lab.render.daily import Patch
from mien.lab.render.people import known_person, thing_of
from mien.lab.render.random_scene import Wishes, choose
from mien.lab.render.scene import Material
from mien.lab.render.sheet import write_sheet
from mien.lab.rigs.catalogue import load_rig
from mien.lab.rigs.rig import Piece

CORNERS = np.array([[0, 0, 0], [10, 0, 0], [0, 10, 0]], np.float32)
FACE = np.array([[0, 1, 2]], np.int32)


def test_loose_hair_takes_the_colour_of_its_picture(tmp_path: Path) -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, :32] = (200, 90, 20)
    picture[:, 32:] = (10, 20, 60)
    write_sheet(picture, tmp_path / "hair.png")
    uv = np.array([[[0.1, 0.5], [0.9, 0.5], [0.1, 0.2]]], np.float32)
    thing = thing_of(Piece(CORNERS, FACE, uv, "hair", tmp_path / "hair.png"))
    assert thing.material == Material.HAIR
    red = (200 / 255 + 0.055) / 1.055
    assert thing.colour[[0, 2], 0] == pytest.approx(red**2.4, abs=0.01)
    assert (np.diff(thing.colour, axis=1) <= 0).all()  # never bluer than green, nor greener than red
    assert thing.colour[1].max() < 0.02
    assert (thing_of(Piece(CORNERS, FACE, None, "hair", None)).colour < 0.1).all()


@pytest.mark.parametrize("asked", ["rig", "cap", "long", "none"])
def test_hair_that_was_asked_for_is_there(asked: str) -> None:
    rig, choices = load_rig("builtin"), choose(3, Wishes(people=4))
    scene = stage(rig, replace(choices, look=replace(choices.look, hair=asked), things=())).scene
    kinds = scene.surface.material
    added = len(scene.surface.vertices) - len(rig.identity(np.random.default_rng(0)).neutral)
    assert (kinds == Material.HAIR).any() == (asked != "none")
    assert (added > 0) == (asked in ("cap", "long"))


def test_a_person_is_met_once_and_keeps_the_areas() -> None:
    rig, look = load_rig("builtin"), choose(3).look
    person = known_person(rig, 5, look.lasting)
    assert known_person(rig, 5, replace(look, beard=0.7).lasting) is person
    lips, cheeks, beard = person.areas.lips, person.areas.cheeks, person.areas.beard
    assert lips.mask.max() > 200
    assert lips.mask.shape[0] < 0.5 * beard.mask.shape[0]
    assert cheeks.row < lips.row
    assert cheeks.column < lips.column < lips.column + lips.mask.shape[1] < cheeks.column + cheeks.mask.shape[1]


def test_a_patch_is_what_is_not_zero() -> None:
    mask = np.zeros((20, 30), np.float32)
    mask[4:7, 10:15] = 0.5
    patch = Patch.of(mask)
    assert (patch.row, patch.column) == (4, 10)
    assert patch.mask.shape == (3, 5)
    assert (patch.mask == 128).all()
