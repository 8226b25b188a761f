"""Mien gives a virtual character a real person's face.

    import mien

    for record in mien.capture("clip.mp4", faces=5):
        for face in record.faces:
            face.action_units["AU12"], face.blendshapes["jawOpen"], face.head_pose.yaw_pitch_roll_deg

    take = mien.load_take("out/demo/take.parquet")
    take.export("glb", "avatar.glb")

Importing this package does no work: names are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mien.api import capture
    from mien.core.record import Face, FrameRecord
    from mien.errors import MienError
    from mien.take.reader import Take, load_take

_WHERE = {
    "Face": "mien.core.record",
    "FrameRecord": "mien.core.record",
    "MienError": "mien.errors",
    "Take": "mien.take.reader",
    "capture": "mien.api",
    "load_take": "mien.take.reader",
}

__all__ = ["Face", "FrameRecord", "MienError", "Take", "capture", "load_take"]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'mien' has no attribute {name!r}")
    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
