"""What to know about a pipeline before it runs: a stage that is an experiment, an option that cannot apply."""

from __future__ import annotations

from collections.abc import Sequence

from mien.pipeline.stage import Stage


def cautions(stages: Sequence[tuple[str, Stage]]) -> list[str]:
    """One sentence each, for stages in their order.

    A stage may have `caution`: text to say wherever it is used; and `looks_at`, field → what is done with it if it is
    there: where another stage writes that field only later, it cannot be done.
    """
    out = []
    for place, (slot, stage) in enumerate(stages):
        caution = getattr(stage, "caution", None)
        if isinstance(caution, str) and caution:
            out.append(caution)
        for field, what in (getattr(stage, "looks_at", None) or {}).items():
            if any(field in other.writes for _, other in stages[:place]):
                continue
            later = [s for s, other in stages[place + 1 :] if field in other.writes]
            if later:
                out.append(f'"{slot}" comes before "{later[0]}", which reads what it measures: {what} cannot apply')
    return out
