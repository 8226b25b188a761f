"""The third judge of generated expressions: the picture. A face is drawn making it, and the chain that watches people,
detector, landmarks and the expression network, says what it sees.

The network learnt from photographs of people. Drawn faces are foreign to it, cartoons most of all, so what it says of
the same face at rest is taken off: classes are ranked by p / p at rest, and neutral is none of the answers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from mien.animate.generate import Generated
from mien.avatar.builtin import builtin_character
from mien.avatar.preview import Preview
from mien.core.arrays import Float32, UInt8
from mien.core.record import Face, FrameRecord, Stamp
from mien.errors import SourceError
from mien.lab.evaluate.generated_expressions import SIX
from mien.lab.render.assemble import stage
from mien.lab.render.camera import Faults, take
from mien.lab.render.prototypes import Face as Doing
from mien.lab.render.random_scene import Wishes, choose
from mien.lab.render.rasterize import draw
from mien.lab.rigs.rig import Rig
from mien.pipeline.compose import compose
from mien.pipeline.config import load_config
from mien.pipeline.stage import SourceInfo

Drawer = Callable[[Float32], UInt8]
"""(52,) weights → (H, W, 3) RGB."""
SIZE_PX = 320
MISSED = "not found"


def character_drawer() -> Drawer:
    """Mien's own character, as takes are drawn."""
    preview = Preview(builtin_character(), (SIZE_PX, SIZE_PX), 2)
    return preview.render


def rig_drawer(rig: Rig, seed: int) -> Drawer:
    """A person of a rig in plain light, seen from the front, nothing in front of the face."""
    still = choose(seed, Wishes(size_px=SIZE_PX))
    front = replace(still.view, yaw_deg=0.0, pitch_deg=0.0, roll_deg=0.0, centre=(0.0, 0.0), share=0.6)
    plain = replace(still, view=front, faults=Faults(), gaze_deg=((0.0, 0.0), (0.0, 0.0)), things=())

    def drawn(weights: Float32) -> UInt8:
        staged = stage(rig, replace(plain, face=Doing("other", 0.0, np.asarray(weights, np.float32))))
        return take(draw(staged.scene).linear, plain.faults)

    return drawn


class ByPixels:
    """What the preset `balanced` sees in pictures; each is the first of its clip.

    Args:
        drawers: faces that make the expressions, one after the other.

    Raises:
        SourceError: a drawn face at rest is not found.
    """

    def __init__(self, drawers: list[Drawer]) -> None:
        self._drawers = drawers
        self._pipeline = compose(load_config("balanced"), SourceInfo(name="drawn", kind="images"))
        self._asked = 0
        self._rest = []
        for i, drawer in enumerate(drawers):
            at_rest = self._read(drawer(np.zeros(52, np.float32)))
            if at_rest is None:
                self._pipeline.close()
                raise SourceError(f"drawn face {i}: not found at rest: nothing can be said of its expressions")
            self._rest.append(at_rest)

    def __call__(self, made: Generated, frame: int, face: Face) -> str:
        assert face.blendshapes is not None
        i = self._asked % len(self._drawers)
        self._asked += 1
        seen = self._read(self._drawers[i](face.blendshapes.values))
        return MISSED if seen is None else SIX[int(np.argmax(seen / self._rest[i]))]

    def _read(self, image: UInt8) -> Float32 | None:
        """(6,) probabilities."""
        for _, one in self._pipeline.stages:
            one.reset()
        record = FrameRecord(Stamp("drawn", 0, 0), (image.shape[1], image.shape[0]), image)
        for _, one in self._pipeline.stages:
            record = one.step(record)
        read = [f.expression for f in record.faces if f.expression is not None]
        if not read:
            return None
        values = [float(read[0].values[read[0].names.index(name)]) for name in SIX]
        return np.maximum(np.array(values, np.float32), np.float32(1e-4)) if np.isfinite(values).all() else None

    def close(self) -> None:
        """Release the models."""
        self._pipeline.close()
