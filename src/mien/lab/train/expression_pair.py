"""Two trained expression networks become one: a checkpoint of `Pair` that is evaluated and exported like any other.

    python -m mien.lab.train.expression_pair --first RUN/best.pt --second OTHER/best.pt --out PAIR

Nothing is taught. The larger input must be a whole multiple of the smaller one.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

from mien.errors import RequestError
from mien.lab.evaluate.expression_readers import load_net
from mien.lab.models.expression.pair import Pair
from mien.lab.train.checkpoints import write_checkpoint
from mien.lab.train.loop import BEST

log = logging.getLogger(__name__)


def pair_of(first: Path, second: Path, out: Path) -> Path:
    """Write OUT/best.pt.

    Args:
        first: checkpoint of the network with the larger input.
        second: of the other.
        out: folder.

    Raises:
        ModelError: one is no such checkpoint.
        RequestError: they do not fit together.
    """
    (one, facts), (two, others) = load_net(first), load_net(second)
    if facts["classes"] != others["classes"] or facts["aligned"] != others["aligned"]:
        raise RequestError(f"{first} and {second}: were taught other classes, or crops that are placed otherwise")
    if any(facts.get(key, said) != said for key in ("faces", "data") if (said := others.get(key)) is not None):
        raise RequestError(f"{first} and {second}: one learnt from faces that the other held out, or left out")
    sizes = [int(f["task"]["input_px"]) for f in (facts, others)]
    if sizes[0] % sizes[1]:
        raise RequestError(
            f"{first} is shown {sizes[0]} px, {second} {sizes[1]}: the first is no multiple of the second"
        )
    halved = sizes[0] // sizes[1]
    model = {"name": "pair", "first": facts["model"], "second": others["model"], "halved": halved}
    net = Pair(one, two, halved, len(facts["classes"]))
    state = {"facts": {**facts, "model": model}, "net": net.state_dict(), "step": 0}
    path = out / BEST
    write_checkpoint(path, state)
    return path


def main(arguments: Sequence[str] | None = None) -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name in ("first", "second", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    log.info("%s", pair_of(given.first, given.second, given.out))


if __name__ == "__main__":
    main()
