"""What was seen of a face: rows come back as they were put in, the oldest are forgotten."""

import numpy as np

from mien.micro.history import History, columns, pieces
from mien.micro.movement import Moved
from mien.micro.regions import load_regions

RNG = np.random.default_rng(6)


def moves(times_ns: list[int], fresh: tuple[int, ...] = (0,)) -> list[Moved]:
    rows = RNG.normal(0, 1, (len(times_ns), columns())).astype(np.float32)
    shape = (len(load_regions()), 2)
    return [
        Moved(t, row[:-10].reshape(shape), row[-10:-2], float(row[-2]), float(row[-1]), k in fresh)
        for k, (t, row) in enumerate(zip(times_ns, rows, strict=True))
    ]


def _same(history: History, told: list[Moved]) -> bool:
    rows = [np.concatenate([m.regions.reshape(-1), m.head, [m.misfit, m.light]]) for m in told]
    return (
        history.t_ns.tolist() == [m.t_ns for m in told]
        and np.array_equal(history.rows, np.array(rows, np.float32).reshape(-1, columns()))
        and history.fresh.tolist() == [m.fresh for m in told]
    )


def test_a_bounded_past_is_that_of_a_list() -> None:
    history, told = History(), list[Moved]()
    for moved in moves([7 * k for k in range(1500)], (0, 400, 800)):
        history.append(moved)
        told.append(moved)
        history.forget_before(moved.t_ns - 2100)
        while len(told) > 2 and moved.t_ns - told[0].t_ns > 2100:
            del told[0]
        if moved.t_ns % 119 == 0:
            assert _same(history, told)
            assert _same(history.since(moved.t_ns - 1000), [m for m in told if m.t_ns >= moved.t_ns - 1000])


def test_the_last_two_frames_stay() -> None:
    history = History(moves([0, 10, 20]))
    history.forget_before(10_000)
    assert history.t_ns.tolist() == [10, 20]


def test_pieces_overlap_and_cover_everything() -> None:
    told = moves([10 * k for k in range(100)])
    parts = list(pieces(History(told), 300, 100))
    assert [(int(p.t_ns[0]), int(p.t_ns[-1])) for p in parts] == [
        (0, 290),
        (200, 490),
        (400, 690),
        (600, 890),
        (800, 990),
    ]
    assert _same(parts[2], told[40:70])
    assert list(pieces(History(), 300, 100)) == []
