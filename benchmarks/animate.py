"""What a generated performance costs per frame, and how many keys a take needs.

    python benchmarks/animate.py [--json]

The paper whose graph network this follows reports 300 to 520 ms per frame (with pictures). How to read it:
benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from typing import Any

import numpy as np

from mien.animate.acting import records
from mien.animate.curves import reduced
from mien.animate.expression_graph import Ask, ExpressionGraph
from mien.animate.generate import generate
from mien.animate.performance import performance
from mien.animate.script import parse_say

BUDGET_MS, PAPER_MS = 1.0, 300.0
SAID = "happy 0.7 at 1, micro fear 0.5 at 2, sad 0.8 at 5, angry at 9, surprise 0.9 at 14, micro disgust 0.4 at 15"


def cpu_ms(work: Any) -> float:
    began = time.thread_time_ns()
    work()
    return (time.thread_time_ns() - began) / 1e6


def run(seconds: float) -> dict[str, Any]:
    graph = ExpressionGraph()
    rng = np.random.default_rng(0)
    draws = [cpu_ms(lambda: graph.levels(Ask("fear", "macro", 0.8), rng)) for _ in range(30)]
    script = parse_say(SAID, seed=1, seconds=seconds, fps=60.0)
    generate(script, graph)
    made = generate(script, graph)
    curves = cpu_ms(lambda: generate(script, graph)) / len(made)
    whole = cpu_ms(lambda: list(records(made, "said"))) / len(made)
    one = performance(records(made, "said"))
    t_s = one.t_ns / 1e9
    keys = sum(len(reduced(t_s, column.astype(np.float64), 0.01)) for column in one.weights.T)
    graph.close()
    return {
        "frames": len(made),
        "units_of_an_expression_ms": statistics.median(draws),
        "curves_per_frame_ms": curves,
        "records_per_frame_ms": whole,
        "per_frame_ms": curves + whole,
        "keys_share": keys / one.weights.size,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    table = run(given.seconds)
    if given.json:
        print(json.dumps(table, indent=2))
    else:
        cost = table["per_frame_ms"]
        print(f"units of an expression {table['units_of_an_expression_ms']:.2f} ms CPU, once per expression")
        print(
            f"curves {table['curves_per_frame_ms']:.3f} + records {table['records_per_frame_ms']:.3f} ms CPU per frame"
        )
        share, times = cost / BUDGET_MS, PAPER_MS / cost
        print(f"together {share:.2f} of the budget of {BUDGET_MS} ms, {times:.0f} times as fast as the paper")
        print(f"keys {100 * table['keys_share']:.1f} % of {table['frames']} × 52 at 0.01")
    return 0 if table["per_frame_ms"] < BUDGET_MS else 1


if __name__ == "__main__":
    sys.exit(main())
