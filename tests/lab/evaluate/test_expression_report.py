"""Several runs of one network in one line: mean, spread over the seeds, interval of the mean."""

from mien.lab.evaluate.expression_report import over_runs


def run(network: str, accuracy: float, protocol: str = "aligned crop") -> dict[str, object]:
    return {"network": network, "protocol": protocol, "accuracy": accuracy, "macro_f1": accuracy / 2}


def test_seeds_of_one_network_are_told_together() -> None:
    results = [run("dan", 0.5), run("compact", 0.6), run("dan", 0.6), run("", 0.9), run("", 0.1), run("dan", 0.7)]
    (line,) = over_runs(results)
    assert line.startswith("dan, aligned crop: 3 runs: accuracy 0.6000 ± 0.1000 [0.3516, 0.8484], macro F1 0.3000")


def test_different_protocols_are_no_seeds() -> None:
    assert over_runs([run("dan", 0.5), run("dan", 0.6, "whole picture")]) == []
