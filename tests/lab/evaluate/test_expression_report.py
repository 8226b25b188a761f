"""Several runs of one network in one line: mean, spread over the seeds, interval of the mean."""

from mien.lab.evaluate.expression_report import over_runs


def run(network: str, accuracy: float, seed: int | None = 1, protocol: str = "aligned crop", **taught: object) -> dict:
    told = {"network": network, "protocol": protocol, "accuracy": accuracy, "macro_f1": accuracy / 2}
    return {**told, "seed": seed, "taught": {"model": {"name": network}, **taught}}


def test_seeds_of_one_network_are_told_together() -> None:
    results = [run("dan", 0.5), run("compact", 0.6), run("dan", 0.6, 2), run("", 0.9), run("", 0.1), run("dan", 0.7, 3)]
    (line,) = over_runs(results)
    assert line.startswith("dan, aligned crop: 3 runs: accuracy 0.6000 ± 0.1000 [0.3516, 0.8484], macro F1 0.3000")


def test_different_protocols_sizes_and_data_are_no_seeds() -> None:
    assert over_runs([run("dan", 0.5), run("dan", 0.6, 2, "whole picture")]) == []
    assert over_runs([run("dan", 0.5), run("dan", 0.6, 2, task={"input_px": 96})]) == []
    assert over_runs([run("dan", 0.5, data=["ckplus"]), run("dan", 0.6, 2, data=["rafdb"])]) == []


def test_two_checkpoints_of_one_seed_are_not_averaged() -> None:
    (line,) = over_runs([run("dan", 0.5), run("dan", 0.6), run("dan", 0.7, 2)])
    assert line == "dan, aligned crop: 3 runs, not averaged: their seeds are 1, 1, 2"
    (line,) = over_runs([run("dan", 0.5), run("dan", 0.6, None)])
    assert line == "dan, aligned crop: 2 runs, not averaged: their seeds are 1, not said"
