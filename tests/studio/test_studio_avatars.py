"""Characters and profiles over REST."""

from __future__ import annotations

import json
import struct

import pytest
from starlette.testclient import TestClient

from mien.studio import rest_avatars
from mien.studio.studio import Studio


def glb(*names: str) -> bytes:
    """A GLB with morph targets of these names and no geometry."""
    targets = [{"POSITION": 0}] * len(names)
    document = {
        "asset": {"version": "2.0"},
        "accessors": [{"componentType": 5126, "count": 1, "type": "VEC3", "min": [0, 0, 0], "max": [1, 1, 1]}],
        "meshes": [
            {
                "extras": {"targetNames": list(names)},
                "primitives": [{"attributes": {"POSITION": 0}, "targets": targets}],
            }
        ],
    }
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    return struct.pack("<5I", 0x46546C67, 2, 20 + len(text), len(text), 0x4E4F534A) + text


def test_the_builtin_character_has_everything(client: TestClient) -> None:
    assert client.get("/api/avatars").json() == ["Mien"]
    report = client.get("/api/avatars/Mien").json()
    assert (report["present"], report["kind"], report["builtin"]) == (52, "glTF", True)
    assert report["mapping"]["jawOpen"] == {"jawOpen": 1.0}
    file = client.get("/api/avatars/Mien/file").content
    assert file[:4] == b"glTF"
    assert len(file) == report["bytes"]
    assert client.delete("/api/avatars/Mien").status_code == 400


def test_a_dropped_file_is_checked_kept_mapped_and_removed(client: TestClient, studio: Studio) -> None:
    data = glb("Fcl_Jaw_Open", "eyeBlinkLeft", "Smile", "jawOpen")
    report = client.put("/api/avatars/hero.glb", content=data).json()
    assert report["mapping"]["eyeBlinkLeft"] == {"eyeBlinkLeft": 1.0}
    assert client.get("/api/avatars").json() == ["Mien", "hero.glb"]
    assert client.get("/api/avatars/hero.glb/file").content == data
    mapping = {"mapping": {"mouthSmileLeft": {"Smile": 0.5}}}
    assert client.put("/api/avatars/hero.glb/mapping", json=mapping).status_code == 200
    assert client.get("/api/avatars/hero.glb").json()["mapping"] == mapping["mapping"]
    assert client.put("/api/avatars/hero.glb/mapping", json={"mapping": {"a": {"b": 99}}}).status_code == 422
    client.delete("/api/avatars/hero.glb")
    assert client.get("/api/avatars").json() == ["Mien"]
    assert not list((studio.own / "avatars").glob("hero*"))


@pytest.mark.parametrize("data", [b"", b"glTF", b"PK\x03\x04 no", b"{}", glb("a")[:60]])
def test_what_is_no_character_is_refused_and_not_kept(client: TestClient, studio: Studio, data: bytes) -> None:
    answer = client.put("/api/avatars/bad.glb", content=data)
    assert answer.status_code == 400
    assert "bad.glb" in answer.json()["detail"]
    assert "part" not in answer.json()["detail"]
    assert client.get("/api/avatars").json() == ["Mien"]
    assert not list((studio.own / "avatars").glob("*bad*"))


@pytest.mark.parametrize("name", ["..%2Fevil.glb", ".hidden.glb", "evil.exe", "a" * 80 + ".glb", "Mien"])
def test_names_that_are_no_file_names_are_refused(client: TestClient, name: str) -> None:
    assert client.put(f"/api/avatars/{name}", content=glb("a")).status_code in (400, 404, 405)


def test_a_file_that_is_too_long_is_refused(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest_avatars, "MOST_BYTES", 100)
    answer = client.put("/api/avatars/big.glb", content=glb("a", "b"))
    assert answer.status_code == 413
    assert client.get("/api/avatars").json() == ["Mien"]


def test_profiles_are_listed_and_removed(client: TestClient, studio: Studio) -> None:
    assert client.get("/api/profiles").json() == []
    folder = studio.session.profiles
    folder.mkdir(parents=True)
    (folder / "broken.toml").write_text("format = 99\n")
    assert client.get("/api/profiles").json() == [], "what cannot be read is not offered"
    steps = client.get("/api/profiles/guide").json()
    assert steps[0]["name"] == "neutral"
    assert client.delete("/api/profiles/nobody").status_code == 404
    assert client.delete("/api/profiles/broken").json() == {"removed": "broken"}
    assert not (folder / "broken.toml").exists()
