"""What a running spotter tells in time, counted by hand and on one made clip."""

import pytest

from mien.core.record import Event
from mien.lab.evaluate.micro_live import Told, main, report
from mien.micro.spotter import Spotted


def _found(onset: float, offset: float) -> Spotted:
    times = (round(1e9 * s) for s in (onset, (onset + offset) / 2, offset))
    return Spotted(Event("micro", 0, *times, 0.9), {}, {}, {}, 5.0)


def test_hits_false_ones_and_delays_are_counted() -> None:
    one = Told(30.0, [(1.0, 1.4), (5.0, 5.4)], [_found(1.0, 1.3)], [_found(1.0, 1.4), _found(5.1, 5.4)], [0.42])
    two = Told(30.0, [], [_found(3.0, 3.3)], [], [0.5])
    lines = report([one, two]).splitlines()
    assert lines[0] == "2 clips, 1.0 minutes; told 0.46 s after the offset (median), 0.50 at most"
    assert lines[-2:] == ["| while it runs | 1 of 2 | 1 |", "| the whole clip | 2 of 2 | 0 |"]


def test_the_command_tells_within_600_ms(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--clips", "2", "--rate", "60", "--threshold", "0.02"])
    head = capsys.readouterr().out.splitlines()[0]
    assert head.startswith("2 clips, ")
    assert float(head.split()[-3]) <= 0.6
