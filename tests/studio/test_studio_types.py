"""The committed TypeScript types are those of the messages."""

from __future__ import annotations

from pathlib import Path

from mien.studio.messages import Start, from_page
from mien.studio.typescript import TARGET, typescript

ROOT = Path(__file__).parents[2]


def test_the_committed_types_are_up_to_date() -> None:
    committed = (ROOT / TARGET).read_text(encoding="utf-8")
    assert committed == typescript(), "run: python -m mien.studio.typescript"


def test_the_types_say_what_pydantic_says() -> None:
    text = typescript()
    assert 'export interface Start {\n  type: "start";\n  source?: string;' in text
    assert '  lost?: "hold" | "fade";' in text
    assert "  p50_ms: number | null;" in text
    assert "export type FromPage = Start | Stop | Privacy | Calibrate | Ping;" in text
    assert "export const FRAME_HEAD_BYTES = 48;" in text
    assert from_page.validate_json('{"type": "start"}') == Start()


def test_no_registry_stands_in_the_lock_file() -> None:
    text = (ROOT / "viewer" / "package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in text
    assert '"integrity"' in text
