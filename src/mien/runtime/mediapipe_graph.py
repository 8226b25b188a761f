"""MediaPipe's graph engine without its "solutions": one image in, packets out, no hidden tracking.

Used by the stages of `mien.detect` and `mien.landmarks` that run a network of MediaPipe's wheel. Needs the
extra `mediapipe`. The engine writes start-up lines to file descriptor 2 (not through Python); those that
are known to mean nothing are dropped, every other line is passed on.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import tempfile
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np

from mien.core.arrays import UInt8
from mien.errors import ModelError

with warnings.catch_warnings():
    # The wheel's generated protobuf and Matplotlib imports warn about their own age; nothing to act on here.
    warnings.simplefilter("ignore")
    import mediapipe
    from google.protobuf import text_format  # type: ignore[import-untyped]
    from mediapipe.calculators.core import split_vector_calculator_pb2  # noqa: F401  makes its options parsable
    from mediapipe.calculators.tensor import (  # noqa: F401
        image_to_tensor_calculator_pb2,
        inference_calculator_pb2,
        tensors_to_floats_calculator_pb2,
    )
    from mediapipe.framework import calculator_pb2
    from mediapipe.framework.formats import detection_pb2, landmark_pb2
    from mediapipe.python import packet_creator, packet_getter
    from mediapipe.python._framework_bindings import calculator_graph, image_frame, resource_util

VERSION: str = mediapipe.__version__

_CHATTER = re.compile(
    r"INFO: Created TensorFlow Lite XNNPACK delegate|All log messages before absl::InitializeLog|"
    r"inference_feedback_manager\.cc|landmark_projection_calculator\.cc"
)

_INSTALLED_MODEL = re.compile(r"^(mediapipe/modules/face_\w+/\w+\.tflite),(\w+)=([\w-]+),", re.MULTILINE)


_alone = threading.Lock()
"""There is one file descriptor 2; two that lead it elsewhere at once would lose it."""


@contextmanager
def _known_chatter_dropped() -> Iterator[None]:
    """Hold back what is written to file descriptor 2; afterwards pass on all lines but the known chatter."""
    with _alone:
        yield from _held_back()


def _held_back() -> Iterator[None]:
    try:
        saved = os.dup(2)
    except OSError:  # no standard error at all (a windowed program): nothing to keep clean
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            held.seek(0)
            for line in held.read().decode("utf-8", "replace").splitlines(keepends=True):
                if not _CHATTER.search(line):
                    with suppress(OSError):  # nobody may be reading
                        os.write(2, line.encode("utf-8"))


@cache
def check_models(root: Path) -> None:
    """Compare the face models in the wheel with the checksums that were installed with them.

    The engine trusts what it reads: a damaged model ends the process instead of raising.

    Args:
        root: the folder that holds the package.

    Raises:
        ModelError: a model is damaged; names it.
    """
    try:
        record = distribution("mediapipe").read_text("RECORD") or ""
    except PackageNotFoundError:  # put there by other means than an installer
        return
    for name, kind, checksum in _INSTALLED_MODEL.findall(record):
        file = root / name
        if kind != "sha256" or not file.is_file():
            continue
        found = base64.urlsafe_b64encode(hashlib.sha256(file.read_bytes()).digest()).rstrip(b"=").decode("ascii")
        if found != checksum:
            raise ModelError(
                f"{file} is damaged: its checksum is not the one it was installed with; "
                f"pip install --force-reinstall --no-deps mediapipe=={VERSION}"
            )


class ImageGraph:
    """A calculator graph with one image input named "image".

    Args:
        config: the graph in protobuf's text format.
        outputs: names of its output streams.
        side: side packets: name → bool.
        warm_up_wh: size of the black image that is run once, so that start-up is over before the first frame.

    Raises:
        ModelError: the wheel lacks a part or a model of the graph.
    """

    def __init__(
        self, config: str, outputs: tuple[str, ...], side: Mapping[str, bool] | None = None, *, warm_up_wh: int = 192
    ) -> None:
        self._packets: dict[str, Any] = {}
        self._tick = 0
        self._graph: Any = None
        root = Path(mediapipe.__file__).parent.parent
        check_models(root)
        resource_util.set_resource_dir(str(root))
        with _known_chatter_dropped():
            try:
                graph = calculator_graph.CalculatorGraph(
                    graph_config=text_format.Parse(config, calculator_pb2.CalculatorGraphConfig())
                )
                for name in outputs:
                    graph.observe_output_stream(name, self._packets.__setitem__, True)
                graph.start_run({k: packet_creator.create_bool(v) for k, v in (side or {}).items()})
                self._graph = graph
                self.run(np.zeros((warm_up_wh, warm_up_wh, 3), np.uint8))
            except (RuntimeError, ValueError, text_format.ParseError) as error:
                raise ModelError(
                    f"MediaPipe {VERSION} cannot start the graph: {str(error).splitlines()[0]}; "
                    "this needs the release named in the extra: pip install 'mien[mediapipe]'"
                ) from error

    def run(self, image: UInt8) -> Mapping[str, Any]:
        """Run one image, (H, W, 3) uint8 RGB, contiguous; the engine takes a copy. Returns stream → packet."""
        self._tick += 1
        self._packets.clear()
        frame = image_frame.ImageFrame(image_format=image_frame.ImageFormat.SRGB, data=image)
        packet = packet_creator.create_image_frame(frame).at(self._tick)
        self._graph.add_packet_to_input_stream("image", packet)
        self._graph.wait_until_idle()
        return self._packets

    def close(self) -> None:
        """Release the engine; may be called twice."""
        if self._graph is not None:
            graph, self._graph = self._graph, None
            graph.close()
            self._packets.clear()


def landmark_array(packet: Any) -> np.ndarray[Any, np.dtype[np.float32]]:
    """(N, 3) float32 of a NormalizedLandmarkList packet, as the network gives it: x, y in 0–1 of the input."""
    points = packet_getter.get_proto(packet).landmark
    return np.array([(p.x, p.y, p.z) for p in points], dtype=np.float32)


def scalar(packet: Any) -> float:
    """The number in a float packet."""
    return float(packet_getter.get_float(packet))


def detections(packet: Any) -> list[Any]:
    """Detection messages of a packet; empty if the stream had none for this image."""
    return [] if packet.is_empty() else list(packet_getter.get_proto_list(packet))


__all__ = ["VERSION", "ImageGraph", "detection_pb2", "detections", "landmark_array", "landmark_pb2", "scalar"]
