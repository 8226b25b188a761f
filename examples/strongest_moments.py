"""For every blendshape that moves, when it moves most: a table of moments worth looking at.

    python examples/strongest_moments.py [INPUT]

Blendshapes go from 0 to 1; NaN = could not be measured in that frame, and is left out.
"""

import sys

import mien
from mien.core.timebase import timecode

MOVES = 0.2


def main(source: str = "demo") -> None:
    peaks: dict[str, tuple[float, int]] = {}
    for record in mien.capture(source, faces=1):
        for face in record.faces:
            shapes = face.blendshapes
            if shapes is None:
                continue
            for name in shapes.names:
                value = shapes[name]
                if value > peaks.get(name, (MOVES, 0))[0]:  # False for NaN
                    peaks[name] = (value, record.stamp.t_ns)
    for name, (value, t_ns) in sorted(peaks.items(), key=lambda item: item[1][1]):
        print(f"{timecode(t_ns)}  {name:22} {value:.2f}  {'#' * round(20 * value)}")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:2])
    except mien.MienError as error:
        sys.exit(f"{error}")
