"""Scripts and words: what is understood, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.animate.emotion import emotions, expression_called, load_limits
from mien.animate.script import parse_say, read_script
from mien.core.schema import load_schema
from mien.errors import ConfigError, MienError, RequestError


def test_the_example_of_the_handbook() -> None:
    script = parse_say("surprise 0.8 at 0.2s, micro fear 40% at 1.1 s, then neutral", seed=4)
    one, two, three = script.events
    assert (one.kind, one.expression, one.intensity, one.at_s) == ("macro", "surprise", 0.8, 0.2)
    assert (two.kind, two.expression, two.intensity, two.at_s) == ("micro", "fear", 0.4, 1.1)
    assert (three.expression, three.at_s, script.seed) == ("neutral", None, 4)


def test_other_words_and_units() -> None:
    assert parse_say("joyful").events[0].expression == "happiness"
    units = parse_say("AU1+au4_l 50% for 0.8s").events[0]
    assert units.units == {"AU1": 2.5, "AU4_L": 2.5}
    assert units.for_s == 0.8


@pytest.mark.parametrize(
    "text",
    ["", " , ", "hapy 0.5", "happy 1.5", "happy at noon", "AU99", "micro fear for 0.9", "happy -1", "neutral and sad"],
)
def test_what_is_not_understood_is_said(text: str) -> None:
    with pytest.raises(RequestError, match="--say"):
        parse_say(text)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_a_script_or_one_clear_error(text: str) -> None:
    try:
        assert parse_say(text).events
    except MienError as error:
        assert "--say" in str(error)


def test_a_file_and_what_is_wrong_with_files(tmp_path: Path) -> None:
    path = tmp_path / "scene.toml"
    path.write_text(
        'seed = 2\nfps = 30\n[idle]\nblinks = 0\n[[event]]\nexpression = "angry"\nintensity = 0.5\nat_s = 1\n'
        "[[event]]\nunits = { AU12_L = 3 }\n[emotions.anger]\nmodulator = 0.5\n"
    )
    script = read_script(path)
    assert (script.events[0].expression, script.events[1].units, script.idle.blinks) == ("anger", {"AU12_L": 3.0}, 0.0)
    for text in (
        "fsp = 3",
        "fps = nan",
        "[[event]]\nkind = 'macro'",
        "[[event]]\nexpression = 'happy'\nintensity = 2",
        "[[event]]\nunits = { AU7 = 9 }",
        "\x00",
        "fps = 4\n" * 2,
        "fps = " + "[" * 5000,
    ):
        path.write_text(text)
        with pytest.raises(ConfigError, match=r"scene\.toml"):
            read_script(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"scene\.toml"):
        read_script(path)
    with pytest.raises(ConfigError, match=r"nowhere\.toml"):
        read_script(tmp_path / "nowhere.toml")


def test_profiles_name_units_that_exist() -> None:
    facs = {n.split("_")[0] for n in load_schema("facs").names}
    named = {u for e in emotions().values() for u in e.limits} | set(load_limits().units)
    named |= {u for pair in load_limits().together for u in pair.units}
    assert named <= facs
    words = [w for n, e in emotions().items() for w in (n, *e.also)]
    assert len(words) == len(set(words))
    assert all(expression_called(w) in emotions() for w in words)
