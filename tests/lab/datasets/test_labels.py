"""Label schemas: numbers and words of each dataset become common names; conversion goes by name."""

from __future__ import annotations

import pytest

from mien.lab.datasets.labels import label_schema_names, load_labels


@pytest.mark.parametrize("name", label_schema_names())
def test_a_schema_reads_its_own_numbers_and_words(name: str) -> None:
    schema = load_labels(name)
    for number, word, common in zip(schema.ids, schema.spelled, schema.names, strict=True):
        assert schema.of_id(number) == common
        assert schema.of_word(f" {word.upper()} ") == common
        assert schema.convert(common) == (None if common in schema.unlabelled else common)
    assert schema.of_id(-1) is None
    assert schema.of_id(max(schema.ids) + 1) is None
    assert schema.of_word("bored") is None


@pytest.mark.parametrize(
    ("schema", "number", "name"),
    [
        ("ckplus", 3, "disgust"),
        ("ckplus", 7, "surprise"),
        ("fer2013", 3, "happiness"),
        ("fer2013", 6, "neutral"),
        ("rafdb", 1, "surprise"),
        ("rafdb", 7, "neutral"),
        ("rafdb", 0, None),
        ("affectnet", 1, "happiness"),
        ("affectnet", 7, "contempt"),
        ("affwild2", 7, "others"),
        ("expw", 0, "anger"),
        ("megc3", 2, "surprise"),
    ],
)
def test_published_numbers(schema: str, number: int, name: str | None) -> None:
    assert load_labels(schema).of_id(number) == name


def test_conversion_goes_by_name() -> None:
    assert load_labels("affectnet7").index("sadness") == 2
    assert load_labels("fer2013").convert("contempt") is None
    assert load_labels("ferplus").convert("unknown") is None
    assert load_labels("samm").convert("other") == "others"
    composite = load_labels("megc3")
    assert [composite.convert(n) for n in ("happiness", "repression", "surprise", "others")] == [
        "positive",
        "negative",
        "surprise",
        None,
    ]


def test_a_missing_schema_or_class_is_told() -> None:
    with pytest.raises(KeyError, match="no label schema 'nonsense'"):
        load_labels("nonsense")
    with pytest.raises(KeyError, match="has no class 'contempt'"):
        load_labels("fer2013").index("contempt")
