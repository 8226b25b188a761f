"""Who is let in: own pages yes, pages of other sites no, strangers on a network only with the token."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from mien.studio.app import create_app
from mien.studio.guard import COOKIE, MOST_BODY_BYTES, Rules, is_loopback
from mien.studio.studio import Studio

OWN = "http://127.0.0.1:8300"
WS = "ws://127.0.0.1:8300/ws"
STRANGER = "ws://machine.local:8300/ws"


def refused(client: TestClient, headers: dict[str, str], address: str = WS) -> int:
    with pytest.raises(WebSocketDisconnect) as ended, client.websocket_connect(address, headers=headers):
        pass
    return ended.value.code


def test_pages_of_other_sites_are_refused_and_own_ones_are_not(client: TestClient) -> None:
    for foreign in ("https://evil.example", "http://127.0.0.1:9999", "null", "http://[::1", "http://localhost:8300"):
        assert refused(client, {"origin": foreign}) == 1008
        assert client.put("/api/takes/edits?name=one", json={}, headers={"origin": foreign}).status_code == 403
    assert client.put("/api/takes/edits?name=one", json={}, headers={"origin": OWN}).status_code == 200
    with client.websocket_connect(WS, headers={"origin": OWN}) as page:
        assert page.receive_json()["type"] == "hello"


def test_a_foreign_name_that_leads_here_is_refused(client: TestClient) -> None:
    answer = client.get("/api/takes", headers={"host": "evil.example:8300"})
    assert answer.status_code == 403
    assert "evil.example" in answer.json()["detail"]
    assert refused(client, {"host": "evil.example"}) == 1008
    assert client.get("/api/takes", headers={"host": "[::1]:8300"}).status_code == 200


@pytest.mark.parametrize("host", ["[::1", "", "127.0.0.1.evil.example", "evil.example@127.0.0.1:x", "[v1.x]:80"])
def test_a_host_that_cannot_be_read_is_refused(client: TestClient, host: str) -> None:
    assert client.get("/api/takes", headers={"host": host}).status_code == 403


def test_answers_keep_pages_to_themselves(client: TestClient) -> None:
    headers = client.get("/api/takes").headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


def test_a_network_address_asks_for_the_token(studio: Studio) -> None:
    assert not Rules.for_host("127.0.0.1").token
    rules = Rules.for_host("0.0.0.0")
    assert len(rules.token) >= 32
    assert rules.token not in repr(rules)
    with TestClient(create_app(studio, rules, None), base_url="http://machine.local:8300") as stranger:
        assert stranger.get("/api/takes").status_code == 403
        assert refused(stranger, {"cookie": f"{COOKIE}=wrong"}, STRANGER) == 1008
        assert stranger.get("/api/takes", headers={"authorization": f"Bearer {rules.token}"}).status_code == 200
        there = stranger.get(f"/?token={rules.token}", follow_redirects=False)
        assert there.status_code == 303
        assert rules.token not in there.headers["location"], "the token does not stay in the address"
        assert "HttpOnly" in there.headers["set-cookie"]
        assert stranger.get("/api/takes").status_code == 200, "the cookie is enough from then on"
        with stranger.websocket_connect(STRANGER, headers={"origin": "http://machine.local:8300"}) as page:
            assert page.receive_json()["type"] == "hello"


@pytest.mark.parametrize("length", [str(MOST_BODY_BYTES + 1), "0" * 20, "9" * 30, ""])
def test_a_body_that_is_too_long_is_refused_before_it_is_read(client: TestClient, length: str) -> None:
    answer = client.put("/api/takes/edits?name=one", content=b"{}", headers={"content-length": length})
    assert answer.status_code == 413
    assert client.put("/api/takes/edits?name=one", content=iter([b"{}"])).status_code == 413, "no length"


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("example", False),
        ("", False),
    ],
)
def test_which_addresses_are_this_machine(host: str, own: bool) -> None:
    assert is_loopback(host) is own
