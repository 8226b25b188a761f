"""Networks of the micro-expression literature: baselines of seed 002's Table 3 and the two of seed 004 §4.2."""
