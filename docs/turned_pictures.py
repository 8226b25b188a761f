"""Makes the picture of turned portraits in docs/real-pixels.md: `python docs/turned_pictures.py`."""

from pathlib import Path

import cv2
import numpy as np

from mien.lab.pseudo.turned import Relief
from mien.lab.rigs.catalogue import load_rig
from mien.sources.portrait import geometry, portrait

YAWS_DEG = (-70, -50, -30, 0, 30, 50, 70)
SIDE_PX = 200
WALL = np.full((8, 8, 3), (120, 130, 140), np.uint8)


def main() -> None:
    """Write images/turned.jpg: the portrait turned by YAWS_DEG, below it with its points; hidden ones are red."""
    relief = Relief(portrait(), geometry().points.astype(np.float32), load_rig("builtin"))
    columns = []
    for yaw in YAWS_DEG:
        face = relief.turned((yaw, 0, 0), SIDE_PX, WALL)
        marked = cv2.resize(face.image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
        for (x, y), seen in zip(face.landmarks_xy, face.visible, strict=True):
            colour = (255, 200, 0) if np.isnan(seen) else (0, 220, 90) if seen else (230, 40, 40)
            cv2.circle(marked, (round(2 * x + 0.5), round(2 * y + 0.5)), 3, colour, -1, cv2.LINE_AA)
        columns.append(np.vstack([face.image, cv2.resize(marked, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)]))
    sheet = np.hstack(columns)
    cv2.imwrite(str(Path(__file__).parent / "images/turned.jpg"), sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 86])


if __name__ == "__main__":
    main()
