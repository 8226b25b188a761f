"""Makes the contact sheets of the built-in head: `python docs/synthetic_pictures.py`."""

from pathlib import Path

import cv2
import numpy as np

from mien.lab.render.random_scene import Wishes
from mien.lab.render.sample import render_sample
from mien.lab.render.sheet import contact_sheet
from mien.lab.rigs.catalogue import load_rig

IMAGES = Path(__file__).parent / "images"
SIDE_PX, COUNT, MOST_BYTES = 144, 48, 300_000


def main() -> None:
    """Write images/synthetic-builtin.jpg and images/synthetic-builtin-points.jpg."""
    rig = load_rig("builtin")
    samples = [render_sample(rig, seed, SIDE_PX, Wishes(size_px=SIDE_PX)) for seed in range(COUNT)]
    _write(contact_sheet(samples), IMAGES / "synthetic-builtin.jpg")
    large = [render_sample(rig, seed, 256) for seed in range(100, 112)]
    _write(contact_sheet(large, columns=6, points=True), IMAGES / "synthetic-builtin-points.jpg")


def _write(sheet: np.ndarray, path: Path) -> None:
    """JPEG, as good as the limit in bytes allows."""
    for quality in range(88, 40, -4):
        data = cv2.imencode(".jpg", sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
        if len(data) <= MOST_BYTES:
            break
    path.write_bytes(data)


if __name__ == "__main__":
    main()
