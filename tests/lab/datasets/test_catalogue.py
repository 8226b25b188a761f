"""The catalogue and its documentation say the same, and every entry is complete."""

from __future__ import annotations

from pathlib import Path

import pytest

from mien.errors import ConfigError
from mien.lab.datasets.catalogue import METRICS, DatasetInfo, catalogue, dataset_info, with_generated_parts
from mien.lab.datasets.labels import load_labels
from mien.pipeline.registry import load

PAGE = Path(__file__).resolve().parents[3] / "docs" / "datasets.md"


def test_the_documentation_is_made_from_the_catalogue() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert with_generated_parts(page) == page, "docs/datasets.md is out of step; its last lines say how to renew it"


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="<!-- table -->"):
        with_generated_parts("# nothing")


@pytest.mark.parametrize("info", catalogue().values(), ids=lambda i: i.name)
def test_an_entry_is_complete(info: DatasetInfo) -> None:
    assert callable(load(info.reader))
    assert info.metrics
    assert set(info.metrics) <= set(METRICS)
    assert info.licence.endswith(".")
    assert info.ask
    assert "http" not in info.model_dump_json()  # institutions, not addresses that rot
    splits = {"train", "val", "test", ""}
    classes = set(load_labels(info.labels).names) if info.labels else set()
    for what, count in info.expected.items():
        split, slash, label = what.partition("/")
        assert count > 0
        if slash:
            assert split in splits
            assert label in classes
        else:
            assert what in splits | {"total", "subjects"}


@pytest.mark.parametrize("info", catalogue().values(), ids=lambda i: i.name)
def test_published_classes_add_up(info: DatasetInfo) -> None:
    for split in ("train", "val", "test"):
        parts = [n for what, n in info.expected.items() if what.startswith(f"{split}/")]
        if parts:
            assert sum(parts) == info.expected[split]


def test_names_and_titles_are_found() -> None:
    assert dataset_info("CASME II").name == "casme-ii"
    assert dataset_info("cas(me)²").name == "cas-me-2"
    assert dataset_info("WiderFace").name == "wider"
    assert dataset_info("RAF-DB").name == "rafdb"
    assert dataset_info("cas-me-2").name == "cas-me-2"
    assert dataset_info("CASMEII").name == "casme-ii"
    with pytest.raises(ConfigError, match='did you mean "samm'):
        dataset_info("sammm")
