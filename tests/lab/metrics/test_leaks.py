"""A deliberately leaky run is caught: by sample, by person across datasets, by picture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.errors import RequestError
from mien.lab.datasets.sample import Sample
from mien.lab.metrics.leaks import check_no_leak, person


def _sample(name: str, subject: str | None = None, dataset: str = "folder", shade: int | None = None) -> Sample:
    pixels = None if shade is None else (lambda: np.full((4, 4, 3), shade, np.uint8))
    return Sample(dataset, name, "all", subject=subject, pixels=pixels)


def test_what_is_apart_passes_and_is_counted() -> None:
    report = check_no_leak([_sample("a", "1", shade=1), _sample("b")], [_sample("c", "2", shade=2)])
    assert (report.train, report.test, report.without_subject, report.without_picture) == (2, 1, 1, 1)


def test_a_subject_on_both_sides() -> None:
    with pytest.raises(RequestError, match=r"1 subject on both sides: folder/7 \(folder: a / folder: b\)"):
        check_no_leak([_sample("a", "7")], [_sample("b", "7")])


def test_a_picture_on_both_sides_under_other_names() -> None:
    with pytest.raises(RequestError, match="1 picture on both sides"):
        check_no_leak([_sample("a", "1", shade=5)], [_sample("b", "2", "ckplus", shade=5)])
    check_no_leak([_sample("a", "1", shade=5)], [_sample("b", "2", shade=5)], pictures="none")


def test_the_same_sample() -> None:
    with pytest.raises(RequestError, match="1 sample on both sides"):
        check_no_leak([_sample("a")], [_sample("a")])


def test_everything_is_told_at_once() -> None:
    leaky = [_sample(f"{i}", str(i), shade=i) for i in range(5)]
    with pytest.raises(RequestError, match="5 samples .* 5 subjects .* 5 pictures"):
        check_no_leak(leaky, leaky)


def test_files_by_bytes_and_by_pixels(tmp_path: Path) -> None:
    picture = Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3))
    picture.save(tmp_path / "a.png")
    picture.save(tmp_path / "b.bmp")
    a, b = (Sample("folder", n, "all", path=tmp_path / n) for n in ("a.png", "b.bmp"))
    check_no_leak([a], [b], pictures="files")
    with pytest.raises(RequestError, match="1 picture"):
        check_no_leak([a], [b])
    (tmp_path / "c.png").write_bytes((tmp_path / "a.png").read_bytes())
    with pytest.raises(RequestError, match="1 picture"):
        check_no_leak([a], [replace(b, name="c.png", path=tmp_path / "c.png")], pictures="files")


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (("samm", "006"), ("samm-long", "006")),
        (("megc2019", "samm/006"), ("samm", "006")),
        (("megc2019", "casme2/sub01"), ("casme-ii", "sub01")),
        (("megc2019", "smic/s03"), ("smic-hs", "s03")),
    ],
)
def test_people_of_several_datasets(a: tuple[str, str], b: tuple[str, str]) -> None:
    one, other = (_sample("x", subject, dataset) for dataset, subject in (a, b))
    assert person(one) == person(other)
    with pytest.raises(RequestError, match="subject on both sides"):
        check_no_leak([one], [replace(other, name="y")])


def test_the_same_number_in_other_datasets_is_another_person() -> None:
    assert person(_sample("a", "006", "samm")) != person(_sample("b", "006", "casme-ii"))
    assert person(_sample("a", "s15", "cas-me-2")) != person(_sample("b", "s16", "cas-me-2"))
    assert person(_sample("a")) is None


def test_both_sides_are_needed() -> None:
    with pytest.raises(RequestError, match="0 to test on"):
        check_no_leak([_sample("a")], [])
    with pytest.raises(RequestError, match="none of pixels"):
        check_no_leak([_sample("a")], [_sample("b")], pictures="hash")  # type: ignore[arg-type]
