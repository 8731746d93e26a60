"""Counts of a step across a crash: what a killed ring had kept is added to what new servers count."""

from collections.abc import Mapping, Sequence

from headgate.canary import Sample
from headgate.ports import Count
from headgate.records.live import Tally, Track


def carried(samples: Mapping[str, Sample], before: Sequence[Tally]) -> dict[str, Sample]:
    """Return samples plus what the state held when this process resumed the step; `before` is empty in later steps."""
    kept = {(tally.question, tally.track): Count(tally.requests, tally.bad) for tally in before}
    return {
        name: Sample(
            canary=plus(sample.canary, kept.get((name, "canary"))),
            stable=plus(sample.stable, kept.get((name, "stable"))),
            error=sample.error,
        )
        for name, sample in samples.items()
    }


def plus(count: Count | None, more: Count | None) -> Count | None:
    """Return the sum of two counts, None when there is neither."""
    if count is None or more is None:
        return count or more
    return Count(count.requests + more.requests, count.bad + more.bad)


def tallies(samples: Mapping[str, Sample]) -> tuple[Tally, ...]:
    """Return samples in the form a rollout's state keeps."""
    pairs: list[tuple[str, Track, Count | None]] = []
    for name, sample in sorted(samples.items()):
        pairs += [(name, "canary", sample.canary), (name, "stable", sample.stable)]
    return tuple(
        Tally(question=name, track=track, bad=count.bad, requests=count.requests)
        for name, track, count in pairs
        if count
    )
