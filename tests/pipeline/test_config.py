from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.errors import ConfigError
from mien.pipeline.config import load_config, preset_names
from mien.pipeline.registry import EXPORTERS, SINKS, STAGES


@pytest.mark.parametrize("name", preset_names())
def test_shipped_presets_name_only_what_exists(name: str) -> None:
    config = load_config(name)
    assert config["preset"] == name
    assert config["description"]
    for slot in config["stages"]:
        assert config[slot]["use"] in STAGES
    assert all(o in SINKS or o in EXPORTERS for o in config["outputs"])


def test_overrides_are_toml_values_or_text() -> None:
    config = load_config(
        "balanced",
        ["detect.max_faces=3", 'outputs=["parquet"]', "overlay.character = false", "detect.detector.min_face_px=40"],
    )
    assert config["detect"]["max_faces"] == 3
    assert config["outputs"] == ["parquet"]
    assert config["overlay"] == {"character": False}
    assert config["detect"]["detector"]["min_face_px"] == 40


@pytest.mark.parametrize(
    ("preset", "overrides", "words"),
    [
        ("balancd", [], ['no preset "balancd"', 'did you mean "balanced"']),
        ("balanced", ["detekt.max_faces=3"], ['unknown key "detekt"', 'did you mean "detect"']),
        ("balanced", ["detect"], ["expected key.sub=value"]),
        ("balanced", ["=3"], ["expected key.sub=value"]),
        ("balanced", ["outputs=parquet"], ["outputs must be a list"]),
        ("balanced", ['outputs=["parket"]'], ['no output "parket"', 'did you mean "parquet"']),
        ("balanced", ['stages=["detect", "detect"]'], ["names something twice"]),
        ("balanced", ['stages=["smile"]'], ['stage "smile" needs a table']),
        ("balanced", ["description.x=1"], ["is a value, not a table"]),
        ("missing.toml", [], ["missing.toml cannot be read"]),
    ],
)
def test_wrong_requests_are_named(preset: str, overrides: list[str], words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(preset, overrides)
    assert all(w in str(caught.value) for w in words), str(caught.value)


def test_a_preset_file_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('stages = ["detect"]\noutputs = ["parquet"]\n[detect]\nuse = "detect/mediapipe"\n')
    assert load_config(str(file))["stages"] == ["detect"]
    file.write_text('stages = ["detect"]\noutputs = []\ncolour = 3\n[detect]\nuse = "detect/mediapipe"\n')
    with pytest.raises(ConfigError, match='unknown key "colour"'):
        load_config(str(file))
    file.write_bytes(b"\xff\xfe stages")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(str(file))
    file.write_text("stages = [")
    with pytest.raises(ConfigError, match="not valid TOML"):
        load_config(str(file))
    file.write_text("#" * 300_000)
    with pytest.raises(ConfigError, match="larger than"):
        load_config(str(file))


def test_a_preset_extends_a_shipped_one(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('extends = "balanced"\noutputs = []\n[detect]\nmax_faces = 9\n')
    mine, base = load_config(str(file)), load_config("balanced")
    assert mine["detect"] == {**base["detect"], "max_faces": 9}
    assert mine["stages"] == base["stages"]
    assert mine["outputs"] == []
    assert "extends" not in mine
    file.write_text('extends = "balansed"\n')
    with pytest.raises(ConfigError, match='did you mean "balanced"'):
        load_config(str(file))
    file.write_text("extends = 3\n")
    with pytest.raises(ConfigError, match='extends "3"'):
        load_config(str(file))


@given(st.text(max_size=60))
def test_no_override_ends_in_anything_but_a_config_error(text: str) -> None:
    try:
        load_config("balanced", [text])
    except ConfigError as error:
        assert str(error)


def test_another_part_in_a_slot_does_not_inherit_the_options_of_the_old_one(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('extends = "offline"\n\n[landmarks]\nuse = "landmarks/mediapipe"\n')
    assert load_config("offline")["landmarks"]["mirrored"] is True
    assert load_config(str(own))["landmarks"] == {"use": "landmarks/mediapipe"}
    assert load_config(str(own))["detect"]["max_faces"] == 1


def test_another_part_takes_over_none_of_the_presets_options_but_those_that_are_set() -> None:
    plain = load_config("balanced", ["expression.use=expression/action_units"])
    assert plain["expression"] == {"use": "expression/action_units"}
    for order in (
        ("landmarks.mirrored=true", "landmarks.use=landmarks/points98"),
        ("landmarks.use=landmarks/points98",),
    ):
        found = load_config("balanced", order)["landmarks"]
        assert "min_evidence_new" not in found
        assert found.get("mirrored") == (True if len(order) == 2 else None)
    same = load_config("balanced", ["landmarks.use=landmarks/hrnet98"])
    assert same["landmarks"] == load_config("balanced")["landmarks"]
