"""The comparison of pictures sees what is broken, and forgives another rasteriser."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from likeness import Box, likeness
from PIL import Image, ImageDraw, ImageFilter

KEPT = Path(__file__).parent / "looks"
SIZE = 1366, 768
PICTURE: Box = (18, 112, 490, 291)
CHARACTER: Box = (523, 112, 439, 292)
SIDE: Box = (976, 110, 390, 600)


@pytest.fixture
def editor() -> Image.Image:
    """The take editor as it is kept, at the size of a page."""
    return Image.open(KEPT / "editor.jpg").convert("RGB").resize(SIZE)


def filled(page: Image.Image, box: Box, colour: str | tuple[int, ...]) -> Image.Image:
    left, top, wide, high = box
    out = page.copy()
    ImageDraw.Draw(out).rectangle((left, top, left + wide - 1, top + high - 1), fill=colour)
    return out


def moved(page: Image.Image, box: Box, right: int, down: int) -> Image.Image:
    left, top, wide, high = box
    part = page.crop((left, top, left + wide, top + high))
    out = filled(page, box, page.getpixel((4, 764)))
    out.paste(part, (left + right, top + down))
    return out


def test_the_same_page_is_the_same(editor: Image.Image) -> None:
    assert likeness(editor, editor, CHARACTER).mean == 0
    assert likeness(editor, Image.open(KEPT / "editor.jpg"), CHARACTER).same, "another size is no difference"


@pytest.mark.parametrize("change", ["blurred", "a pixel to the right", "noise", "brighter"])
def test_another_rasteriser_is_forgiven(editor: Image.Image, change: str) -> None:
    now = {
        "blurred": lambda: editor.filter(ImageFilter.GaussianBlur(1.2)),
        "a pixel to the right": lambda: moved(editor, (0, 0, *SIZE), 1, 0),
        "noise": lambda: Image.fromarray(
            np.clip(np.asarray(editor, int) + np.random.default_rng(1).integers(-9, 10, (768, 1366, 3)), 0, 255).astype(
                np.uint8
            )
        ),
        "brighter": lambda: editor.point(lambda v: min(255, round(v * 1.01))),
    }[change]()
    assert likeness(now, editor, CHARACTER).same


def test_a_character_that_moved_a_little_is_forgiven(editor: Image.Image) -> None:
    assert likeness(moved(editor, CHARACTER, 4, 3), editor, CHARACTER).same


@pytest.mark.parametrize("name", ["picture", "character", "side"])
@pytest.mark.parametrize("colour", ["white", "black"])
def test_an_empty_pane_is_seen(editor: Image.Image, name: str, colour: str) -> None:
    box = {"picture": PICTURE, "character": CHARACTER, "side": SIDE}[name]
    assert not likeness(filled(editor, box, colour), editor, CHARACTER).same


def test_a_missing_character_is_seen(editor: Image.Image) -> None:
    ground = editor.getpixel((CHARACTER[0] + 8, CHARACTER[1] + 8))
    found = likeness(filled(editor, CHARACTER, ground), editor, CHARACTER)
    assert not found.same
    assert found.worst < 2 < 100 < found.character, "it is the character's region that tells"


@pytest.mark.parametrize(("right", "down"), [(0, 40), (0, -40), (-40, 0)])
def test_a_panel_that_is_elsewhere_is_seen(editor: Image.Image, right: int, down: int) -> None:
    assert not likeness(moved(editor, SIDE, right, down), editor, CHARACTER).same


def test_a_missing_panel_is_seen(editor: Image.Image) -> None:
    assert not likeness(filled(editor, SIDE, editor.getpixel((4, 764))), editor, CHARACTER).same


def test_the_other_theme_is_seen(editor: Image.Image) -> None:
    assert not likeness(Image.open(KEPT / "editor-dark.jpg").resize(SIZE), editor, CHARACTER).same


def test_what_is_kept_is_small() -> None:
    assert sum(p.stat().st_size for p in KEPT.iterdir()) < 400_000
