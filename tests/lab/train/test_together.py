"""Two processes that train one network: same weights after a step, the mean of both gradients, one clock."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from torch import nn

from mien.lab.models.expression.answer import ExpressionTargets
from mien.lab.train.together import Together, on_device

_TWO = """
import sys, torch
from torch import nn
from mien.lab.train.together import Together
together = Together()
net = nn.Linear(2, 1, bias=False)
nn.init.ones_(net.weight)
x = torch.tensor([[1.0, 2.0]]) * (together.rank + 1)
net(x).sum().backward()
together.average_gradients(net)
progress, stop = together.agree(0.25 + 0.5 * together.rank, together.rank == 1)
torch.save({"gradient": net.weight.grad, "progress": progress, "stop": stop}, f"{sys.argv[1]}/{together.rank}.pt")
"""


def test_a_batch_is_moved_whatever_it_is_made_of() -> None:
    batch = ((torch.ones(2), [torch.ones(1)]), ExpressionTargets(torch.ones(2, 3), None, torch.ones(2, 12)), {"n": 5})
    (pair, targets, rest) = on_device(batch, torch.device("meta"))
    assert pair[0].is_meta
    assert pair[1][0].is_meta
    assert targets.probabilities.is_meta
    assert targets.units.is_meta
    assert targets.valence_arousal is None
    assert rest == {"n": 5}


@pytest.mark.skipif(find_spec("lightning_fabric") is None, reason="Lightning Fabric joins processes")
def test_two_processes_share_gradients_progress_and_the_wish_to_stop(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = tmp_path / "two.py"
    script.write_text(_TWO)
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    place |= {"LOCAL_WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "test"}  # as torchrun sets them
    runs = [
        subprocess.Popen(
            [sys.executable, str(script), str(tmp_path)],
            env={**os.environ, **place, "RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]
    assert [run.wait(timeout=120) for run in runs] == [0, 0]
    for rank in range(2):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert found["gradient"].tolist() == [[1.5, 3.0]], "the mean of (1, 2) and (2, 4)"
        assert found["progress"] == pytest.approx(0.25), "the first one's clock counts"
        assert found["stop"] is True, "one that is told to stop stops all"


def test_one_process_changes_nothing() -> None:
    together = Together()
    net = nn.Linear(2, 1)
    net(torch.ones(1, 2)).sum().backward()
    before = [p.grad.clone() for p in net.parameters() if p.grad is not None]
    together.average_gradients(net)
    assert all(torch.equal(a, p.grad) for a, p in zip(before, net.parameters(), strict=True) if p.grad is not None)
    assert together.agree(0.5, False) == (0.5, False)
    assert together.first
