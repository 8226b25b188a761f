"""Makes the pictures of the documents from the built-in clip: `python docs/pictures.py` after `make run`."""

from pathlib import Path

import av
import cv2
import numpy as np

MOMENTS_S = {"neutral": 0.03, "smile": 1.17, "brows up": 2.37, "jaw open": 4.93, "head turned": 5.87, "wink": 7.4}
SIDE_PX = 300
DOCS = Path(__file__).parent


def main() -> None:
    """Write images/demo.jpg: six moments, the face above the character."""
    columns = []
    with av.open(str(DOCS.parent / "out/demo/overlay.mp4")) as container:
        stream = container.streams.video[0]
        frames = [(float(f.pts * stream.time_base), f.to_ndarray(format="rgb24")) for f in container.decode(stream)]
    for title, t in MOMENTS_S.items():
        picture = min(frames, key=lambda f: abs(f[0] - t))[1]
        height = picture.shape[0]
        panel = picture.shape[1] - height  # the overlay: picture at the left, character in a panel at the right
        face = cv2.resize(picture[80 : height - 160, 120 : height - 120], (SIDE_PX, SIDE_PX))
        character = cv2.resize(picture[:panel, height:], (SIDE_PX, SIDE_PX))
        cv2.putText(face, title, (8, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (20, 30, 40), 2, cv2.LINE_AA)
        columns.append(np.vstack([face, character]))
    sheet = np.hstack(columns)
    cv2.imwrite(str(DOCS / "images/demo.jpg"), sheet[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()
