"""Metrics that belong to the datasets: plain functions on arrays, found by name through `by_name`.

One rule for all: what is not defined is NaN, never 0 and never an exception, and the support stands beside the value.
`docs/metrics.md` says formula, variant and source of each; `leaks` refuses runs that test on what they learned from.
"""
