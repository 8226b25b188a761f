"""Takes over REST: list, curves, edits, why, export; names that lead elsewhere are refused."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from mien.pipeline.registry import EXPORTERS
from mien.studio.app import create_app
from mien.studio.guard import Rules
from mien.studio.studio import Studio
from mien.studio.take_folder import take_entries
from small_takes import BLINK_L, JAW

GAIN = {"kind": "gain", "gain": 0.5, "shapes": ["jawOpen"]}


def arrays(data: bytes) -> dict[str, np.ndarray]:
    (length,) = struct.unpack_from("<I", data)
    head = json.loads(data[4 : 4 + length])
    at, out = 4 + length, {}
    assert at % 8 == 0
    for name, columns, kind in head["arrays"]:
        out[name] = np.frombuffer(data, f"<{kind}", head["rows"] * columns, at).reshape(-1, columns)
        at += out[name].nbytes
    assert at == len(data)
    return out


def test_takes_are_found_at_any_depth_and_damaged_ones_are_named(takes: Path, tmp_path: Path) -> None:
    assert sorted(e.name for e in take_entries(takes)) == ["deep/two", "one"]
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "take.parquet").write_bytes(b"PAR1 no")
    (entry,) = take_entries(tmp_path)
    assert entry.state == "damaged"
    assert "take.parquet" in (entry.problem or "")


def test_a_take_opens_with_its_faces_and_events(client: TestClient) -> None:
    (entry,) = client.get("/api/takes").json()
    assert (entry["name"], entry["frames"], entry["edits"]) == ("one", 25, 0)
    detail = client.get("/api/takes/detail", params={"name": "one"}).json()
    assert detail["tracks"] == [{"track_id": 1, "frames": 25}]
    (event,) = detail["events"]
    assert (event["kind"], event["action_units"]) == ("micro", ["AU12"])
    assert detail["last_ns"] - detail["first_ns"] == 24 * 40_000_000
    assert detail["video"] is False


def test_curves_come_before_and_after_the_edits(client: TestClient, studio: Studio) -> None:
    raw_file = (studio.folder / "one" / "take.parquet").read_bytes()
    query = {"name": "one"}
    curves = {"name": "one", "track": 1}
    before = arrays(client.get("/api/takes/curves", params=curves).content)
    assert before["t_s"][:, 0] == pytest.approx(np.arange(25) * 0.04)
    assert before["raw"][:, JAW] == pytest.approx(np.arange(25) / 24)
    assert (before["raw"] == before["edited"]).all()
    asked = {"operations": [GAIN, {"kind": "mirror"}], "done": 2}
    assert client.put("/api/takes/edits", params=query, json=asked).status_code == 200
    after = arrays(client.get("/api/takes/curves", params=curves).content)
    assert after["edited"][:, JAW] == pytest.approx(np.arange(25) / 48)
    assert after["edited"][12, BLINK_L] == 0.0
    assert after["turns"][20, :4] == pytest.approx(before["turns"][20, :4] * [1, -1, -1, 1])
    kept = client.get("/api/takes/edits", params=query).json()
    assert (kept["done"], kept["operations"][0]["gain"]) == (2, 0.5)
    assert client.get("/api/takes").json()[0]["edits"] == 2
    undone = {**asked, "done": 0}
    client.put("/api/takes/edits", params=query, json=undone)
    assert (arrays(client.get("/api/takes/curves", params=curves).content)["edited"] == before["edited"]).all()
    assert (studio.folder / "one" / "take.parquet").read_bytes() == raw_file


def test_edits_that_cannot_be_done_are_refused_and_not_kept(client: TestClient) -> None:
    for wrong in (
        {"operations": [{"kind": "gain", "shapes": ["nose"]}], "done": 1},
        {"operations": [], "done": 3},
        {"operations": [{"kind": "format disk"}], "done": 1},
        {"operations": [GAIN] * 2001, "done": 1},
    ):
        answer = client.put("/api/takes/edits", params={"name": "one"}, json=wrong)
        assert answer.status_code in (400, 422)
    assert client.get("/api/takes/edits", params={"name": "one"}).json()["operations"] == []


def test_a_frame_says_why(client: TestClient) -> None:
    why = client.get("/api/takes/why", params={"name": "one", "track": 1, "index": 12}).json()
    jaw = next(s for s in why["shapes"] if s["shape"] == "jawOpen")
    assert (jaw["raw"], jaw["part"]) == (0.5, "jaw and lips")
    assert jaw["part_confidence"] == pytest.approx(0.8)
    blink = next(u for u in why["units"] if u["unit"] == "AU45_L")
    assert blink["shapes"] == ["eyeBlinkLeft"]
    assert len(why["points"]) == 98
    assert client.get("/api/takes/why", params={"name": "one", "track": 1, "index": 99}).status_code == 400
    nobody = client.get("/api/takes/why", params={"name": "one", "track": 9, "index": 0}).json()
    assert nobody["found"] is False


def test_every_exporter_is_offered_and_files_come_with_the_edits(client: TestClient, studio: Studio) -> None:
    offered = {e["name"] for e in client.get("/api/takes/exporters").json()}
    assert offered == set(EXPORTERS)
    query = {"name": "one"}
    client.put("/api/takes/edits", params=query, json={"operations": [{"kind": "gain", "gain": 0}], "done": 1})
    answer = client.post("/api/takes/export", params=query, json={"outputs": ["json"], "track_id": 1})
    assert 'filename="take.json"' in answer.headers["content-disposition"]
    assert max(max(f["weights"]) for f in answer.json()["frames"]) == 0
    raw = client.post("/api/takes/export", params=query, json={"outputs": ["json"], "edited": False}).json()
    assert max(max(f["weights"]) for f in raw["frames"]) == 1
    several = client.post("/api/takes/export", params=query, json={"outputs": ["bvh", "unity"]})
    assert set(zipfile.ZipFile(io.BytesIO(several.content)).namelist()) == {"head.bvh", "take.anim"}
    assert client.post("/api/takes/export", params=query, json={"outputs": ["fbx"]}).status_code == 400
    assert sorted(p.name for p in (studio.folder / "one").iterdir()) == ["take.edits.json", "take.parquet"]


@pytest.mark.parametrize("name", ["..", "../..", "/etc", "one/../..", "nothing", "", "one\x00", "x" * 300])
def test_names_that_lead_elsewhere_are_not_found(client: TestClient, name: str) -> None:
    for what in ("detail", "edits", "video"):
        assert client.get(f"/api/takes/{what}", params={"name": name}).status_code == 404


def test_the_take_that_was_opened_comes_first(takes: Path) -> None:
    studio = Studio(takes, takes / "deep" / "two")
    with TestClient(create_app(studio, Rules(), None), base_url="http://127.0.0.1:8300") as client:
        assert client.get("/api/takes").json()[0]["name"] == "deep/two"
        schema = client.get("/api/openapi.json").json()
        assert "/api/takes/export" in schema["paths"]
