"""The loop: resumes exactly, keeps the best, stops when told, survives a bad step."""

import json
import math
import signal

import pytest
import torch
from torch import nn

from mien.errors import ModelError, RequestError
from mien.lab.train.checkpoints import MovingAverage, chance, read_checkpoint, set_chance, write_checkpoint
from mien.lab.train.loop import BEST, LAST, LOG, Run, Schedule

PLAN = Schedule(steps=8, batch=4, learning_rate=0.05, evaluate_every=2, save_every=3, half=False)


def test_bfloat16_is_used_only_where_it_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Emulated, it takes ten times as long as float32."""
    for pays in (True, False):
        monkeypatch.setattr("mien.lab.train.schedule.bfloat16_pays", lambda pays=pays: pays)
        assert Schedule(half=True).half == pays
        assert not Schedule(half=False).half


class Line:
    """Learns y = 2x + 1; batches depend on the step alone."""

    def __init__(self, stop_at: int | None = None, bad_step: int | None = None) -> None:
        torch.manual_seed(3)
        self.net = nn.Sequential(nn.Linear(1, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 1))
        self.stop_at, self.bad_step = stop_at, bad_step

    def batches(self, first_step):
        step = first_step
        while True:
            if step == self.stop_at:
                signal.raise_signal(signal.SIGTERM)
            x = torch.randn(16, 1, generator=torch.Generator().manual_seed(step))
            yield x, torch.full_like(x, math.nan) if step == self.bad_step else 2 * x + 1
            step += 1

    def loss(self, batch):
        loss = (self.net(batch[0]) - batch[1]).square().mean()
        return loss, {"half": float(loss.detach()) / 2}

    def evaluate(self):
        x = torch.linspace(-1, 1, 9)[:, None]
        return {"score": float((self.net(x) - 2 * x - 1).abs().mean().detach())}


def test_a_resumed_run_ends_with_the_same_weights(tmp_path) -> None:
    whole = Line()
    Run(whole, PLAN, tmp_path / "whole").train()
    broken = Line(stop_at=4)
    Run(broken, PLAN, tmp_path / "broken").train()
    again = Line()
    run = Run(again, PLAN, tmp_path / "broken")
    assert run.resume()
    assert 0 < run.step < PLAN.steps
    run.train()
    for a, b in zip(whole.net.state_dict().values(), again.net.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    first, second = (read_checkpoint(tmp_path / n / BEST) for n in ("whole", "broken"))
    assert first["figures"] == second["figures"]


def test_it_learns_logs_and_keeps_the_best(tmp_path) -> None:
    task = Line()
    plan = Schedule(steps=400, learning_rate=0.05, average=0.95, evaluate_every=50, half=False)
    best = Run(task, plan, tmp_path, {"model": "line"}).train()
    assert best < 0.2
    saved = read_checkpoint(tmp_path / BEST)
    assert saved["facts"] == {"model": "line"}
    task.net.load_state_dict(saved["net"])
    task.net.eval()
    assert task.evaluate()["score"] == pytest.approx(best)
    events = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert events[0]["event"] == "start"
    assert min(e["score"] for e in events if e["event"] == "score") == pytest.approx(best)


def test_a_step_that_is_not_a_number_is_skipped(tmp_path) -> None:
    task = Line(bad_step=2)
    Run(task, PLAN, tmp_path).train()
    # The forward pass has touched the running statistics of finite inputs only.
    assert all(torch.isfinite(v).all() for v in task.net.state_dict().values())


def test_the_clock_ends_a_run(tmp_path) -> None:
    plan = Schedule(steps=10**9, minutes=0.5 / 60, evaluate_every=10**9, save_every=10**9, half=False)
    run = Run(Line(), plan, tmp_path)
    run.train()
    assert 0.5 <= run.seconds < 5
    assert run.step < 10**9


def test_another_model_is_refused(tmp_path) -> None:
    Run(Line(), PLAN, tmp_path, {"model": "a"}).train()
    with pytest.raises(RequestError, match="choose another --out"):
        Run(Line(), PLAN, tmp_path, {"model": "b"}).resume()
    assert not Run(Line(), PLAN, tmp_path / "new").resume()


def test_schedule_warms_up_and_falls() -> None:
    plan = Schedule(learning_rate=1.0, warm_up=0.1, final_share=0.02)
    assert plan.rate(0) == pytest.approx(1e-3)
    assert plan.rate(0.05) == pytest.approx(0.5)
    assert plan.rate(0.1) == pytest.approx(1)
    assert plan.rate(0.55) == pytest.approx(0.51)
    assert plan.rate(1) == pytest.approx(0.02)


class _Evil:
    def __reduce__(self):
        return (print, ("executed",))


def test_checkpoints_execute_nothing_and_are_written_whole(tmp_path, capsys) -> None:
    path = tmp_path / LAST
    write_checkpoint(path, {"step": 3, "tensor": torch.arange(4)})
    assert read_checkpoint(path)["step"] == 3
    assert [p.name for p in tmp_path.iterdir()] == [LAST]
    torch.save({"format": 1, "x": _Evil()}, path)
    with pytest.raises(ModelError):
        read_checkpoint(path)
    assert "executed" not in capsys.readouterr().out
    path.write_bytes(b"no checkpoint")
    with pytest.raises(ModelError):
        read_checkpoint(path)
    torch.save([1, 2], path)
    with pytest.raises(ModelError, match="format"):
        read_checkpoint(path)


def test_chance_of_gpus_goes_on_too(tmp_path, monkeypatch) -> None:
    gpus, given = [torch.arange(3, dtype=torch.uint8), torch.arange(5, dtype=torch.uint8)], []
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", lambda: gpus)
    monkeypatch.setattr(torch.cuda, "set_rng_state_all", given.extend)
    write_checkpoint(tmp_path / LAST, chance())
    wanted = torch.rand(2)
    saved = read_checkpoint(tmp_path / LAST)
    set_chance(saved)
    assert torch.equal(torch.rand(2), wanted)
    assert given == [], "another number of GPUs: theirs stay as they are"
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    set_chance(saved)
    assert [len(one) for one in given] == [3, 5]
    del saved["rng_gpus"]
    set_chance(saved)


def test_moving_average_forgets_its_start() -> None:
    net = nn.Linear(1, 1, bias=False)
    average = MovingAverage(net, 0.9)
    with torch.no_grad():
        net.weight.fill_(5.0)
    for _ in range(60):
        average.update(net)
    assert float(average.state["weight"]) == pytest.approx(5.0, abs=0.05)
    copy = MovingAverage(net, 0.9)
    copy.from_dict(average.to_dict())
    assert copy.steps == 60


def test_it_stops_early_when_the_score_stays_and_does_not_go_on(tmp_path) -> None:
    class Stuck(Line):
        def evaluate(self):
            return {"score": 1.0}

    plan = Schedule(steps=40, batch=4, evaluate_every=2, save_every=3, half=False, patience=3)
    run = Run(Stuck(), plan, tmp_path)
    assert run.train() == 1.0
    assert run.step == 9, "best at step 2, not better at 4, 6 and 8; all processes agree at the next step"
    again = Run(Stuck(), plan, tmp_path)
    assert again.resume()
    again.train()
    assert again.step == 9

    class Better(Line):
        score = 1.0

        def evaluate(self):
            self.score /= 2
            return {"score": self.score}

    learning = Run(Better(), plan, tmp_path / "learning")
    learning.train()
    assert learning.step == 40
