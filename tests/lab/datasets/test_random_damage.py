"""Whatever happens to the bytes of a copy, the checker ends with a report."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from tiny_copies import BUILDERS

from mien.lab.datasets.checker import check

TRIALS = 12


def _damage(path: Path, chance: random.Random) -> None:
    data = bytearray(path.read_bytes())
    how = chance.randrange(5)
    place = chance.randrange(len(data) + 1)
    if how == 0:
        data = data[:place]
    elif how == 1:
        data[place:place] = chance.choice(
            [b"\0", b"\xff\xfe", b"\n\n", b",,,", b"nan ", b"-1 ", b"../", b"9" * 40, b'"']
        )
    elif how == 2:
        for _ in range(1 + len(data) // 50):
            data[chance.randrange(len(data))] = chance.randrange(256)
    elif how == 3:
        data = data[place:]
    else:
        lines = data.split(b"\n")
        chance.shuffle(lines)
        data = bytearray(b"\n".join(lines))
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("name", BUILDERS)
def test_the_checker_survives_random_damage(name: str, tmp_path: Path) -> None:
    chance = random.Random(name)
    BUILDERS[name](tmp_path)
    files = sorted(p for p in tmp_path.rglob("*") if p.is_file() and p.stat().st_size)
    labels = [p for p in files if p.suffix in {".txt", ".csv", ".xlsx", ".npy", ".lst", ".npz"}] or files
    whole = {path: path.read_bytes() for path in files}
    for trial in range(TRIALS):
        victims = chance.sample(labels if trial % 3 else files, k=1)
        for path in victims:
            _damage(path, chance)
        report = check(name, tmp_path, images=0)
        assert report.as_text()
        assert report.as_json()["ok"] == report.ok
        for path in victims:
            path.write_bytes(whole[path])
