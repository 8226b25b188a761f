"""Makes docs/images/expressions.jpg and shapes.jpg: python docs/expression_pictures.py"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from mien.animate.expression_graph import ExpressionGraph
from mien.animate.generate import generate
from mien.animate.script import parse_say
from mien.avatar.builtin import builtin_character
from mien.avatar.preview import Preview
from mien.avatar.sheet import shape_sheet, tiled

SIX = ("happiness", "sadness", "surprise", "fear", "anger", "disgust")
LEVELS = (0.3, 0.6, 1.0)
SEED = 1
IMAGES = Path(__file__).with_name("images")


def main() -> None:
    character = builtin_character()
    preview = Preview(character, (220, 220), 2)
    graph = ExpressionGraph()
    pictures, labels = [], []
    for level in LEVELS:
        for name in SIX:
            idle = {"blinks": 0.0, "head": 0.0, "gaze": 0.0}
            made = generate(parse_say(f"{name} {level} at 0.1 for 1.2", seed=SEED, idle=idle), graph)
            frame = int(np.argmin(np.abs(made.t_ns / 1e9 - made.acts[0].apex_s)))
            pictures.append(preview.render(made.weights[frame]))
            units = dict.fromkeys(u.split("_")[0].removeprefix("AU") for u in made.acts[0].units)
            labels.append((f"{name} {level:g}", "AU " + " ".join(sorted(units, key=int))))
    graph.close()
    Image.fromarray(tiled(pictures, labels, len(SIX))).save(IMAGES / "expressions.jpg", quality=88)
    Image.fromarray(shape_sheet(character)).save(IMAGES / "shapes.jpg", quality=85)


if __name__ == "__main__":
    main()
