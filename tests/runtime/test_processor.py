"""Which processors multiply 8 bits faster."""

from __future__ import annotations

from pathlib import Path

import pytest

from mien.runtime import processor


@pytest.mark.parametrize(
    ("flags", "pays"),
    [
        ("avx2 fma", False),  # sums of bytes overflow
        ("avx2 avx_vnni", True),  # laptops
        ("avx512f avx512_vnni avx512_bf16", True),  # Zen 4
        ("avx512f avx512_vnni amx_tile amx_bf16", False),  # Sapphire Rapids
        ("asimd bf16", False),  # ARM
        ("", False),
    ],
)
def test_eight_bits_pay_with_vnni_and_without_amx(flags: str, pays: bool) -> None:
    assert processor.pays(frozenset(flags.split())) == pays


def test_flags_are_linux_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text("processor\t: 0\nflags\t\t: fpu AVX2 avx512_vnni\n", encoding="utf-8")
    monkeypatch.setattr(processor, "_CPUINFO", file)
    processor.processor_flags.cache_clear()
    try:
        assert processor.processor_flags() == {"fpu", "avx2", "avx512_vnni"}
    finally:
        processor.processor_flags.cache_clear()


def test_without_linux_numpy_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(processor, "_CPUINFO", tmp_path / "missing")
    processor.processor_flags.cache_clear()
    try:
        found = processor.processor_flags()
    finally:
        processor.processor_flags.cache_clear()
    assert all(name == name.lower() for name in found)
    assert not found or found & {"sse2", "neon", "asimd", "vsx"}
