"""A reading of your own in a few lines: is the head nodding or shaking?

    python examples/nod_or_shake.py [INPUT]

Looks at the last second of every face, whatever the frame rate, and prints a line when the answer changes.
"""

import sys
from collections import defaultdict, deque

import numpy as np

import mien
from mien.core.timebase import NS_PER_S, timecode

WIDE_DEG = 8.0


def reading(angles: np.ndarray) -> str:
    """(N, 2) yaw and pitch in degrees → a word."""
    yaw, pitch = np.ptp(angles, axis=0)
    if max(yaw, pitch) < WIDE_DEG:
        return "still"
    return "turns or shakes" if yaw > pitch else "nods"


def main(source: str = "demo") -> None:
    recent: dict[int | None, deque[tuple[int, float, float]]] = defaultdict(deque)
    said: dict[int | None, str] = {}
    for record in mien.capture(source):
        now = record.stamp.t_ns
        for face in record.faces:
            if face.head_pose is None or not np.isfinite(face.head_pose.yaw_pitch_roll_deg).all():
                continue
            window = recent[face.track_id]
            yaw, pitch, _ = face.head_pose.yaw_pitch_roll_deg
            window.append((now, float(yaw), float(pitch)))
            while now - window[0][0] > NS_PER_S:
                window.popleft()
            word = reading(np.array([w[1:] for w in window]))
            if said.get(face.track_id) != word:
                said[face.track_id] = word
                print(f"{timecode(now)}  face {face.track_id}: {word}")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:2])
    except mien.MienError as error:
        sys.exit(f"{error}")
