"""A live run's frames read once more, without the person's calibration: what the profile changes, side by side."""

from __future__ import annotations

from types import TracebackType

from mien.animate.live import LiveFace
from mien.core.arrays import Float32
from mien.core.record import FrameRecord
from mien.errors import ConfigError
from mien.pipeline.compose import build_stage
from mien.pipeline.config import load_config
from mien.recorder.calibrate import SOLVERS


class Unprofiled:
    """Reads finished records again with the preset's own solver, which learns the neutral face while watching.

    Args:
        preset: of the run.
        calm: smooth the weights as those of the run are smoothed.

    Raises:
        ConfigError: the preset has no solver that takes a profile.
    """

    def __init__(self, preset: str, *, calm: bool) -> None:
        config = load_config(preset)
        slot = next((s for s in config["stages"] if config[s].get("use") in SOLVERS), None)
        if slot is None:
            raise ConfigError(f'preset "{preset}" has no stage {" or ".join(SOLVERS)}: a profile changes nothing')
        self._solver = build_stage({k: v for k, v in config[slot].items() if k != "profile"}, slot)
        self._face = LiveFace(calm=calm)

    def weights(self, record: FrameRecord) -> Float32:
        """(52,) float32 of the followed face, schema "arkit52"; held where a frame could not be measured."""
        return self._face.signal(self._solver.step(record)).weights

    def close(self) -> None:
        """Give the solver back."""
        self._solver.close()

    def __enter__(self) -> Unprofiled:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
