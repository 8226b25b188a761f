"""The VMC protocol (OSC over UDP): expressions and head bones to VSeeFace, VMagicMirror, Warudo, EVMC4U, ...

Mien is an "Assistant" (port 39540); programs that draw listen at 39539. Blend names are ARKit's ("perfect sync": the
character owns 52 clips of these names, in a spelling that differs from character to character) or VRM's presets. The
protocol wants VRM 0 spelling also from senders that think in VRM 1. Space is Unity's: x is turned round.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
from pydantic import Field

from mien.animate.profile import load_profile, read_profile
from mien.animate.signal import SHAPES, FaceSignal
from mien.core.arrays import Float32
from mien.core.timebase import NS_PER_S
from mien.errors import ConfigError
from mien.pipeline import stage
from mien.sinks.protocols import osc
from mien.sinks.protocols.packets import BY_PLAIN_NAME, BadPacket, checked

PORT = 39540
LIMIT = 1500
"""Bytes of a datagram, at most."""

VRM0_OF_VRM1 = {
    "happy": "Joy",
    "angry": "Angry",
    "sad": "Sorrow",
    "relaxed": "Fun",
    "aa": "A",
    "ih": "I",
    "ou": "U",
    "ee": "E",
    "oh": "O",
    "blink": "Blink",
    "blinkLeft": "Blink_L",
    "blinkRight": "Blink_R",
    "lookUp": "LookUp",
    "lookDown": "LookDown",
    "lookLeft": "LookLeft",
    "lookRight": "LookRight",
    "neutral": "Neutral",
}
_FROM_PRESETS = {
    "blink": ("eyeBlinkLeft", "eyeBlinkRight"),
    "blink_l": ("eyeBlinkLeft",),
    "blinkleft": ("eyeBlinkLeft",),
    "blink_r": ("eyeBlinkRight",),
    "blinkright": ("eyeBlinkRight",),
    "a": ("jawOpen",),
    "aa": ("jawOpen",),
    "o": ("mouthFunnel",),
    "oh": ("mouthFunnel",),
    "u": ("mouthPucker",),
    "ou": ("mouthPucker",),
    "joy": ("mouthSmileLeft", "mouthSmileRight"),
    "happy": ("mouthSmileLeft", "mouthSmileRight"),
}
"""What a preset says about ARKit shapes, for characters whose sender knows presets only."""

_PLACES = {"Head": (0.0, 0.1, 0.0), "LeftEye": (-0.03, 0.06, 0.02), "RightEye": (0.03, 0.06, 0.02)}
"""Local places of bones that only turn, m, Unity: those of an average body. Receivers normally ignore them."""


class Options(stage.Options):
    """Options of VMC."""

    names: Literal["ARKit", "arkit", "vrm0", "vrm1"] = Field(
        default="ARKit", description="ARKit: JawOpen; arkit: jawOpen; vrm0: A, Joy, Blink_L; vrm1: aa, happy, blinkLeft"
    )
    profile: str = Field(default="", description="profile of your character (.toml): its controls are the names sent")
    bones: bool = Field(default=True, description="send the bones Head, LeftEye and RightEye too")


class VmcEncoder:
    """Signals → bundles: bones, blends, Apply, OK, T."""

    def __init__(self, options: Options | None = None) -> None:
        self._options = options or Options()
        kind = self._options.names
        self._profile = load_profile("vrm") if kind.startswith("vrm") else None
        if self._options.profile:
            self._profile = read_profile(self._options.profile)
            if self._profile.inputs != "arkit52":
                raise ConfigError(f"profile {self._options.profile}: a face drives it by ARKit's shapes, not by units")
            names, self._kept = list(self._profile.names), list(range(len(self._profile.names)))
        elif self._profile is None:
            names = [n[0].upper() + n[1:] if kind == "ARKit" else n for n in SHAPES.names]
            self._kept = list(range(len(names)))
        else:
            moved = [i for i in range(len(self._profile.names)) if self._profile.gains[:, i].any()]
            self._kept = [i for i in moved if kind == "vrm1" or self._profile.names[i] in VRM0_OF_VRM1]
            names = [self._profile.names[i] for i in self._kept]
            names = [VRM0_OF_VRM1[n] for n in names] if kind == "vrm0" else names
        self._layout = osc.Layout(self._messages(names), LIMIT)
        self._first_ns: int | None = None

    def encode(self, signal: FaceSignal) -> list[bytes]:
        if self._first_ns is None:
            self._first_ns = signal.t_ns
        values = signal.shares
        if self._profile is not None:
            values = self._profile(np.array(values, np.float32))[self._kept].tolist()
        bones: list[float] = []
        if self._options.bones:
            for place, turn in zip(_PLACES.values(), signal.turns, strict=True):
                bones += (*place, *mirrored(turn))
        return self._layout.filled([*bones, *values, (signal.t_ns - self._first_ns) / NS_PER_S])

    def _messages(self, names: list[str]) -> list[tuple[bytes, int]]:
        """Every message with zeros in it, and how many floats it ends with."""
        still = (0.0,) * 7
        bones = [(osc.message("/VMC/Ext/Bone/Pos", bone, *still), 7) for bone in _PLACES] if self._options.bones else []
        blends = [(osc.message("/VMC/Ext/Blend/Val", n, 0.0), 1) for n in names]
        end = [(osc.message("/VMC/Ext/Blend/Apply"), 0), (osc.message("/VMC/Ext/OK", 1), 0)]
        return [*bones, *blends, *end, (osc.message("/VMC/Ext/T", 0.0), 1)]


class VmcDecoder:
    """Bundles → signals: one for every Apply, with everything known so far. Other messages are ignored."""

    def __init__(self, options: Options | None = None) -> None:
        self._weights: Float32 = np.full(52, np.nan, np.float32)
        self._bones: dict[str, Float32] = {}

    def decode(self, data: bytes, t_ns: int) -> list[FaceSignal]:
        out = []
        for address, arguments in list(osc.parsed(data)):
            if address == "/VMC/Ext/Blend/Val":
                self._blend(arguments)
            elif address == "/VMC/Ext/Bone/Pos":
                self._bone(arguments)
            elif address == "/VMC/Ext/Blend/Apply":
                out.append(self._signal(t_ns))
        return out

    def _blend(self, arguments: tuple[osc.Argument, ...]) -> None:
        if len(arguments) < 2 or not isinstance(arguments[0], str) or not isinstance(arguments[1], float):
            return  # the protocol: ignore a message with too few or wrong arguments
        value = min(max(checked(arguments[1:2], "a blend value")[0], 0.0), 1.0)  # type: ignore[arg-type]
        name = arguments[0].lower()
        if name in BY_PLAIN_NAME:
            self._weights[BY_PLAIN_NAME[name]] = value
        for shape in _FROM_PRESETS.get(name, ()):
            self._weights[SHAPES.index(shape)] = value

    def _bone(self, arguments: tuple[osc.Argument, ...]) -> None:
        if len(arguments) < 8 or arguments[0] not in _PLACES or not all(isinstance(a, float) for a in arguments[1:8]):
            return
        q = np.array(checked(arguments[4:8], "a bone"), np.float32)  # type: ignore[arg-type]
        length = float(np.linalg.norm(q))
        if not 0.5 < length < 2.0:
            raise BadPacket("a bone is no rotation")
        turned = np.array(mirrored(q / length), np.float32)
        self._bones[str(arguments[0])] = turned if turned[3] >= 0 else -turned

    def _signal(self, t_ns: int) -> FaceSignal:
        unknown = np.full(4, np.nan, np.float32)
        head, left, right = (self._bones.get(b, unknown) for b in ("Head", "LeftEye", "RightEye"))
        return FaceSignal(t_ns, weights=self._weights.copy(), head_xyzw=head, left_eye_xyzw=left, right_eye_xyzw=right)


def mirrored(xyzw: Iterable[float]) -> tuple[float, float, float, float]:
    """A rotation of glTF's space in Unity's, whose x points the other way; the same function goes back."""
    x, y, z, w = map(float, xyzw)
    return x, -y, -z, w
