"""Performances over REST: words become takes in the studio's folder, never over one that is there."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from mien.studio.studio import Studio
from mien.take.reader import load_take


def asked(**more: object) -> dict[str, object]:
    return {
        "words": "surprise 0.8 at 0.2s for 1s, micro fear 0.4 at 0.5s",
        "name": "acted",
        "seconds": 2.0,
        "fps": 25,
        **more,
    }


def test_words_become_a_take_that_the_editor_opens(client: TestClient, studio: Studio) -> None:
    names = client.get("/api/perform/expressions").json()["names"]
    assert {"surprise", "fear", "happiness"} <= set(names)
    done = client.post("/api/perform", json=asked()).json()
    assert (done["name"], done["frames"]) == ("acted", 50)
    macro, micro = done["acts"]
    assert (macro["kind"], macro["expression"], macro["intensity"]) == ("macro", "surprise", 0.8)
    assert micro["kind"] == "micro"
    assert micro["offset_s"] - micro["onset_s"] <= 0.5
    assert macro["units"]
    assert len(load_take(studio.folder / "acted")) == 50
    assert client.get("/api/takes/detail", params={"name": "acted"}).json()["frames"] == 50


def test_a_take_that_is_there_is_kept(client: TestClient, studio: Studio) -> None:
    before = (studio.folder / "one" / "take.parquet").read_bytes()
    answer = client.post("/api/perform", json=asked(name="one"))
    assert answer.status_code == 400
    assert "already holds a take" in answer.json()["detail"]
    assert (studio.folder / "one" / "take.parquet").read_bytes() == before


def test_a_performance_is_laid_over_another_takes_face(client: TestClient, studio: Studio) -> None:
    done = client.post("/api/perform", json=asked(over="one", seconds=None)).json()
    assert done["frames"] == 25
    assert len(load_take(studio.folder / "acted")) == 25


@pytest.mark.parametrize(
    ("more", "status", "said"),
    [
        ({"words": "somersault"}, 400, "somersault"),
        ({"words": "surprise 7"}, 400, "surprise 7"),
        ({"words": ""}, 422, "words"),
        ({"name": "../away"}, 422, "name"),
        ({"over": "../../etc"}, 404, "no take"),
        ({"fps": 1e9}, 422, "fps"),
        ({"seconds": 1e9}, 422, "seconds"),
        ({"odd": 1}, 422, "odd"),
        ({"name": "Studio"}, 400, "own folder"),
        ({"words": "surprise at 3000s for 10s", "seconds": None}, 400, "frames"),
        ({"words": "joy " + "1" * 150 + " at " + "1" * 150 + " for " + "1" * 150 + "x"}, 400, "not understood"),
    ],
)
def test_what_cannot_be_performed_is_said(
    client: TestClient, studio: Studio, more: dict[str, object], status: int, said: str
) -> None:
    answer = client.post("/api/perform", json=asked(**more))
    assert answer.status_code == status
    assert said in answer.text
    assert not (studio.folder / "acted").exists()
