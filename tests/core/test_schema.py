"""Schemas are data; these tests read the files as a stranger would."""

from importlib.resources import files

import numpy as np
import pytest

from mien.core.schema import load_schema

NAMES = sorted(f.name.removesuffix(".toml") for f in (files("mien.core") / "schemas").iterdir())

# WFLW's published flip permutation (as in HRNet's and PIPNet's loaders).
WFLW_FLIP = (
    [32 - i for i in range(33)]
    + [46, 45, 44, 43, 42, 50, 49, 48, 47, 37, 36, 35, 34, 33, 41, 40, 39, 38, 51, 52, 53, 54, 59, 58, 57, 56, 55]
    + [72, 71, 70, 69, 68, 75, 74, 73, 64, 63, 62, 61, 60, 67, 66, 65, 82, 81, 80, 79, 78, 77, 76, 87, 86, 85, 84, 83]
    + [92, 91, 90, 89, 88, 95, 94, 93, 97, 96]
)


@pytest.mark.parametrize("name", NAMES)
def test_schema_is_consistent(name: str) -> None:
    schema = load_schema(name)
    assert schema.name == name
    assert len(set(schema.names)) == len(schema)
    assert np.array_equal(schema.mirror[schema.mirror], np.arange(len(schema)))
    for i, name_i in enumerate(schema.names):
        entry = name_i
        assert schema.index(entry) == i
        other = schema.names[schema.mirror[i]]
        for a, b in (("Left", "Right"), ("left", "right"), ("_L", "_R")):
            entry, other = (n.replace(a, "§").replace(b, "§") for n in (entry, other))
        assert entry == other  # a pair differs in its side and in nothing else
    for group in schema.groups.values():
        assert all(0 <= i < len(schema) for i in group)


def test_wflw_flips_as_published() -> None:
    assert load_schema("wflw98").mirror.tolist() == WFLW_FLIP


def test_ibug68_selection_has_68_points_and_mirrors_onto_itself() -> None:
    schema = load_schema("wflw98")
    chosen = schema.groups["ibug68"]
    assert len(chosen) == len(set(chosen)) == 68
    assert {int(schema.mirror[i]) for i in chosen} == set(chosen)


def test_arkit_has_52_shapes_and_18_pairs_plus_two_directions() -> None:
    schema = load_schema("arkit52")
    assert len(schema) == 52
    assert int(np.sum(schema.mirror == np.arange(52))) == 12


def test_unknown_names_are_named() -> None:
    with pytest.raises(KeyError, match="no schema 'arkit53'"):
        load_schema("arkit53")
    with pytest.raises(KeyError, match="no schema"):
        load_schema("../stage")
    with pytest.raises(KeyError, match="'arkit52' has no entry 'jawopen'"):
        load_schema("arkit52").index("jawopen")
