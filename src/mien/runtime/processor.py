"""What the processor is good at, where a choice of model depends on it."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_SUMS_OF_BYTES = frozenset({"avx512_vnni", "avx_vnni", "avx512_clx"})
"""Instructions that multiply and add four bytes at once without overflow (VNNI)."""
_TILES = frozenset({"amx_bf16", "amx_tile", "avx512_spr"})
"""Matrix units (AMX), which make 16 bits as fast as 8."""


def eight_bit_pays() -> bool:
    """Whether a network in 8 bits is the faster one here: the processor has VNNI and no AMX.

    Measured with HRNetV2-W18 at 128² and OpenVINO: half of float32's time and 0.8 of bfloat16's on AVX-512 with VNNI,
    1.3 times bfloat16's time with AMX. Without VNNI sums of bytes overflow: no. Where nothing is known: no, too.
    """
    return pays(processor_flags())


def pays(flags: frozenset[str]) -> bool:
    """`eight_bit_pays` for a processor with these flags, lower case."""
    return bool(flags & _SUMS_OF_BYTES) and not flags & _TILES


@lru_cache(maxsize=1)
def processor_flags() -> frozenset[str]:
    """Names of instruction sets, lower case: Linux' own, else those that NumPy looks for; empty = nothing is known."""
    try:
        lines = _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() == "flags":
            return frozenset(value.lower().split())
    return _numpys_flags()


def _numpys_flags() -> frozenset[str]:
    try:
        module = import_module("numpy._core._multiarray_umath")
    except ImportError:
        return frozenset()
    features = getattr(module, "__cpu_features__", {})
    return frozenset(name.lower() for name, there in features.items() if there)
