"""Two processes that train one network: same weights after a step, the mean of both gradients, one clock."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from mien.errors import RequestError
from mien.lab.models.expression.answer import ExpressionTargets
from mien.lab.train import together as module
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
_RUN = """
import sys, time, torch
from pathlib import Path
from torch import nn
from mien.lab.train.landmark_task import crop_batches
from mien.lab.train.loop import Run, Schedule
from mien.lab.train.together import Together
torch.set_num_threads(1)
out, together = Path(sys.argv[1]), Together("auto")
class Numbers(torch.utils.data.Dataset):
    def __getitem__(self, n):
        return torch.tensor([float(n % 7), 1.0])
class Line:
    net = nn.Sequential(nn.Conv1d(1, 4, 1), nn.BatchNorm1d(4), nn.Flatten(), nn.Linear(8, 1))
    def batches(self, first_step):
        yield from crop_batches(Numbers(), first_step, 4, 0)
    def loss(self, batch):
        return (self.net(batch[:, None]) - batch[:, :1]).square().mean(), {}
    def evaluate(self):
        return {"score": 1.0}
torch.manual_seed(together.rank)  # each begins with weights of its own
task = Line()
with together.first_goes_before():
    if together.first:
        time.sleep(1)
        (out / "points").write_text("found")
    read = (out / "points").read_text()
run = Run(task, Schedule(steps=3, batch=4, half=False, average=0.5), out, device="auto")
run.train()
weights = {n: p.detach() for n, p in task.net.named_parameters()}
torch.save({"weights": weights, "average": run.average.state, "read": read}, out / f"{together.rank}.pt")
"""


def both(script: str, folder: Path) -> list[dict]:
    """What two processes that torchrun would have started saved."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "two.py").write_text(script)
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    place |= {"LOCAL_WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "test"}  # as torchrun sets them
    runs = [
        subprocess.Popen(
            [sys.executable, str(folder / "two.py"), str(folder)],
            env={**os.environ, **place, "RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]
    assert [run.wait(timeout=120) for run in runs] == [0, 0]
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


def test_a_batch_is_moved_whatever_it_is_made_of() -> None:
    batch = ((torch.ones(2), [torch.ones(1)]), ExpressionTargets(torch.ones(2, 3), None, torch.ones(2, 12)), {"n": 5})
    (pair, targets, rest) = on_device(batch, torch.device("meta"))
    assert pair[0].is_meta
    assert pair[1][0].is_meta
    assert targets.probabilities.is_meta
    assert targets.units.is_meta
    assert targets.valence_arousal is None
    assert rest == {"n": 5}


def test_two_processes_share_gradients_progress_and_the_wish_to_stop(tmp_path: Path) -> None:
    for found in both(_TWO, tmp_path):
        assert found["gradient"].tolist() == [[1.5, 3.0]], "the mean of (1, 2) and (2, 4)"
        assert found["progress"] == pytest.approx(0.25), "the first one's clock counts"
        assert found["stop"] is True, "one that is told to stop stops all"


def test_two_processes_begin_with_the_first_ones_weights_and_wait_for_what_it_finds(tmp_path: Path) -> None:
    first, second = both(_RUN, tmp_path)
    assert (first["read"], second["read"]) == ("found", "found"), "the second one did not wait"
    for name, weight in first["weights"].items():
        assert torch.equal(weight, second["weights"][name]), name
    assert torch.equal(first["average"]["3.weight"], second["average"]["3.weight"])


def test_a_process_is_joined_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    monkeypatch.setattr(module, "_engine", made.append)
    monkeypatch.setattr(module, "_JOINED", {})
    module._joined("auto")
    with pytest.raises(RequestError, match='joined on device "auto"'):
        module._joined("cpu")
    assert made == ["auto"]


def test_one_process_changes_nothing() -> None:
    together = Together()
    net = nn.Linear(2, 1)
    net(torch.ones(1, 2)).sum().backward()
    before = [p.grad.clone() for p in net.parameters() if p.grad is not None]
    together.average_gradients(net)
    assert all(torch.equal(a, p.grad) for a, p in zip(before, net.parameters(), strict=True) if p.grad is not None)
    assert together.agree(0.5, False) == (0.5, False)
    assert together.first
