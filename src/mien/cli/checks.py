"""What `mien doctor` looks at. Every check answers with findings and never raises; what can be tried is tried."""

from __future__ import annotations

import importlib
import os
import platform
import re
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any, Literal

State = Literal["ok", "note", "warning", "problem"]

DEVELOPERS_EXTRA = "dev"
CV2_PACKAGES = tuple(
    f"opencv-{variant}" for variant in ("python", "contrib-python", "python-headless", "contrib-python-headless")
)
DECODERS = {
    "h264": ("h264",),
    "hevc": ("hevc",),
    "vp9": ("vp9", "libvpx-vp9"),
    "av1": ("libdav1d", "libaom-av1"),  # FFmpeg's own "av1" only drives hardware
    "mjpeg": ("mjpeg",),
}
MEDIAPIPE_MODELS = (
    "face_landmark/face_landmark_with_attention.tflite",
    "face_detection/face_detection_short_range.tflite",
)
OPTIONAL_AREAS = ("conflicts", "mediapipe", "other presets", "cameras")
LOW_SPACE_BYTES = 1_000_000_000
_ANY_SIDE = 64
"""Where a network takes pictures of any size, px."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        area: heading it stands under.
        name: what.
        value: what was found.
        state: "ok", "note" (optional and absent), "warning" (runs, but) or "problem" (a capture cannot run).
        advice: what to do about it.
    """

    area: str
    name: str
    value: str
    state: State = "ok"
    advice: str = ""


def run_checks() -> Iterator[Finding]:
    """Every check, each as soon as it is finished; those that load networks come last."""
    checks: list[tuple[str, Callable[[], list[Finding]]]] = [
        ("system", check_system),
        ("packages", check_packages),
        ("conflicts", check_conflicts),
        ("video", check_codecs),
        ("cameras", check_cameras),
        ("space", lambda: check_space(Path("out"))),
        ("inference", check_inference),
        ("mediapipe", check_mediapipe),
        ("default preset", check_preset),
        ("other presets", check_other_presets),
    ]
    for area, check in checks:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # other packages' news on import
                found = check()
        except Exception as error:  # noqa: BLE001  a broken package must not hide the other findings
            state: State = "warning" if area in OPTIONAL_AREAS else "problem"
            found = [Finding(area, area, f"the check failed: {_text(error)}", state, _advice(error))]
        yield from found


def _text(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".strip().rstrip(":").splitlines()[0]


def _advice(error: BaseException) -> str:
    """What helps against the import errors that people really meet."""
    text = str(error)
    if "libGL" in text or "libgthread" in text or "libEGL" in text:
        return "install the graphics libraries OpenCV asks for (Debian and Ubuntu: apt-get install libgl1 libglib2.0-0)"
    if isinstance(error, ImportError):
        return "reinstall Mien in a fresh environment: pip install --force-reinstall mien"
    return "please report it, with this output"


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def check_system() -> list[Finding]:
    """Versions and the machine."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        memory = f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GB"
    except (AttributeError, ValueError, OSError):  # not on Windows
        memory = "unknown"
    values = {
        "mien": _installed("mien") or "not installed as a package",
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor cores": str(cores),
        "memory": memory,
    }
    return [Finding("system", name, value) for name, value in values.items()]


def check_packages() -> list[Finding]:
    """Required and optional packages with their versions, as Mien's own metadata lists them."""
    out = []
    for requirement in requires("mien") or ():
        package = re.split(r"[^A-Za-z0-9_.-]", requirement, maxsplit=1)[0]
        extra = re.search(r"extra == ['\"]([^'\"]+)", requirement)
        if extra and extra[1] == DEVELOPERS_EXTRA:
            continue
        found = _installed(package)
        if found is None and package in CV2_PACKAGES:
            found = next((f"{p} {_installed(p)}" for p in CV2_PACKAGES if _installed(p)), None)
        if found:
            out.append(Finding("packages", package, found))
        elif extra:
            out.append(Finding("packages", package, f"not installed: pip install 'mien[{extra[1]}]'", "note"))
        else:
            out.append(Finding("packages", package, "not installed", "problem", f"pip install '{requirement}'"))
    return out


def check_conflicts() -> list[Finding]:
    """Packages that are known to break each other."""
    out = []
    cv2_packages = [p for p in CV2_PACKAGES if _installed(p)]
    if len(cv2_packages) > 1:
        rest = " ".join(p for p in cv2_packages if p != "opencv-contrib-python")
        advice = f"pip uninstall {rest}; pip install --force-reinstall opencv-contrib-python"
        text = f"{', '.join(cv2_packages)} overwrite each other's files"
        out.append(Finding("conflicts", "cv2", text, "warning", advice))
    numpy, mediapipe = _installed("numpy"), _installed("mediapipe")
    if numpy and mediapipe and int(numpy.partition(".")[0]) >= 2:
        text = f"NumPy {numpy} with MediaPipe {mediapipe}, which was built for NumPy 1"
        out.append(Finding("conflicts", "numpy", text, "warning", "pip install 'numpy<2'"))
    return out


def check_inference() -> list[Finding]:
    """Every backend runs a shipped model; without one it is only imported."""
    from mien.errors import MienError
    from mien.runtime.session import BACKENDS, choose_backend, load_backend
    from mien.runtime.store import list_models

    smallest = min(list_models(), key=lambda card: card.bytes, default=None)
    out = []
    for backend in BACKENDS:
        try:
            load_backend(backend)
            text = _try_model(smallest.name, backend) if smallest else "can be imported; no model to try it with"
            out.append(Finding("inference", backend, text))
        except MienError as error:
            out.append(Finding("inference", backend, str(error), "warning", "the other backend is used until then"))
    try:
        out.append(Finding("inference", "used", choose_backend()))
    except MienError as error:
        out.append(Finding("inference", "used", str(error), "problem", "pip install openvino onnxruntime"))
    return out


def _try_model(name: str, backend: str) -> str:
    import numpy as np

    from mien.runtime.store import open_model

    model = open_model(name, backend=backend, threads=1)
    shapes = {i.name: [n or (_ANY_SIDE if axis else 1) for axis, n in enumerate(i.shape)] for i in model.card.inputs}
    feeds = {i.name: np.zeros(shapes[i.name], dtype=i.dtype) for i in model.card.inputs}
    model.run(feeds)
    began = time.perf_counter()
    model.run(feeds)
    ms = (time.perf_counter() - began) * 1000
    model.close()
    return f"ran {model.id} in {ms:.2f} ms"


def check_mediapipe() -> list[Finding]:
    """Importable, and the models are in the wheel (later releases carry none)."""
    found = _installed("mediapipe")
    if found is None:
        return [Finding("mediapipe", "mediapipe", "not installed: pip install 'mien[mediapipe]'", "note")]
    try:
        module = importlib.import_module("mediapipe")
    except Exception as error:  # noqa: BLE001  its imports fail in many ways: libraries, NumPy, protobuf
        return [Finding("mediapipe", "mediapipe", f"cannot be imported: {_text(error)}", "warning", _advice(error))]
    folder = Path(str(module.__file__)).parent / "modules"
    missing = [m for m in MEDIAPIPE_MODELS if not (folder / m).is_file()]
    if missing:
        text = f"{found} without its models ({', '.join(missing)})"
        return [Finding("mediapipe", "mediapipe", text, "warning", "pip install 'mien[mediapipe]'")]
    return [Finding("mediapipe", "mediapipe", f"{found}, models in the wheel")]


def check_preset() -> list[Finding]:
    """The default preset is really built: every stage with its models, every output."""
    from mien.errors import MienError
    from mien.pipeline.compose import compose
    from mien.pipeline.config import load_config
    from mien.pipeline.registry import EXPORTERS, SINKS, load
    from mien.pipeline.stage import SourceInfo

    config = load_config()
    area = "default preset"
    try:
        with compose(config, SourceInfo("doctor", "video", (640, 360))) as pipeline:
            slots = ", ".join(slot for slot, _ in pipeline.stages)
        out = [Finding(area, "stages", slots)]
    except MienError as error:
        out = [Finding(area, "stages", str(error), "problem", "do what the message says")]
    for name in config["outputs"]:
        try:
            load(SINKS[name] if name in SINKS else EXPORTERS[name].target)
        except ImportError as error:
            out.append(Finding(area, f"output {name}", _text(error), "problem", _advice(error)))
    if len(out) == 1:
        out.append(Finding(area, "outputs", ", ".join(config["outputs"])))
    return out


def check_other_presets() -> list[Finding]:
    """Every other preset with stages of its own is built too: its models, and the extras it needs."""
    from mien.errors import MienError
    from mien.pipeline.compose import compose
    from mien.pipeline.config import load_config, preset_names
    from mien.pipeline.stage import SourceInfo

    def stages(config: dict[str, Any]) -> list[Any]:
        return [config[slot]["use"] if slot == "detect" else config[slot] for slot in config["stages"]]

    tried = [stages(load_config())]
    out = []
    for name in preset_names():
        config = load_config(name)
        if stages(config) in tried:
            continue
        tried.append(stages(config))
        try:
            with compose(config, SourceInfo("doctor", "video", (640, 360))) as pipeline:
                out.append(Finding("other presets", name, ", ".join(pipeline.models)))
        except MienError as error:
            out.append(Finding("other presets", name, str(error), "note"))
    return out


def check_codecs() -> list[Finding]:
    """Which videos can be read, and whether two frames can be encoded."""
    import av

    out = []
    for name, decoders in DECODERS.items():
        found = next((d for d in decoders if d in av.codecs_available), None)
        if found:
            out.append(Finding("video", f"read {name}", f"yes ({found})"))
        else:
            advice = "reinstall av from its wheel: pip install --force-reinstall av"
            out.append(Finding("video", f"read {name}", "no decoder", "warning", advice))
    try:
        out.append(Finding("video", "write h264", f"yes ({_encode_two_frames()} bytes for two frames)"))
    except (ValueError, OSError) as error:  # PyAV's errors are subclasses of these
        advice = "overlay videos cannot be written: pip install --force-reinstall av"
        out.append(Finding("video", "write h264", _text(error), "problem", advice))
    return out


def _encode_two_frames() -> int:
    import io

    import av
    import numpy as np

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream: Any = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for grey in (0, 200):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), grey, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return len(buffer.getvalue())


def check_cameras() -> list[Finding]:
    """Cameras that can be opened; none is fine, videos do not need one."""
    from mien.sources.camera import list_cameras

    cameras = list_cameras()
    if not cameras:
        return [Finding("cameras", "cameras", "none found", "note")]
    return [Finding("cameras", camera.spec, camera.name) for camera in cameras]


def check_space(folder: Path) -> list[Finding]:
    """Whether the usual output folder can be written, and how much fits."""
    place = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.is_dir())
    try:
        with tempfile.NamedTemporaryFile(dir=place):
            pass
    except OSError as error:
        text = f"cannot be written: {error.strerror}"
        return [Finding("space", str(folder), text, "problem", "choose a folder of your own with --out")]
    free = shutil.disk_usage(place).free
    state: State = "warning" if free < LOW_SPACE_BYTES else "ok"
    return [
        Finding(
            "space", str(folder), f"writable, {free / 1e9:.1f} GB free", state, "free some space" * (state != "ok")
        ),
        Finding("space", "python", sys.executable),
    ]
