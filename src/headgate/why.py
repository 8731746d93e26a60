"""Commits, tags and pull requests → History: which model is live, since when, because of what, and how to undo it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from statistics import median

import msgspec

from headgate.desired import Desired, State, champion, history, state_of
from headgate.names import Commit, Digest, Name
from headgate.ports import LogEntry
from headgate.records.change import PullRequest, branch_parts
from headgate.records.live import LiveTag
from headgate.specs.environment import Version
from headgate.specs.reading import parse


class Reign(msgspec.Struct, frozen=True, kw_only=True):
    """One model's time as the live one, with everything Git knows about how it came."""

    model: Digest
    since: datetime
    until: datetime | None
    """None while it is live."""
    commit: Commit
    """The env repo commit that was tagged live."""
    version: Version | None
    """None when version.yaml of that commit was not given."""
    because: str
    trigger: str | None
    judged: str
    merged_by: str | None
    pull_request: int | None
    """None: somebody pushed to main by hand."""
    analyses_passed: int
    analyses: int
    replaces: Digest | None
    replaced_after: timedelta | None
    """How long the model before it was live."""


class Numbers(msgspec.Struct, frozen=True, kw_only=True):
    """How delivery goes, after DORA's four keys (Forsgren, Humble, Kim 2018)."""

    promotions: int
    reverts: int
    failed_canaries: int
    lead_time: timedelta | None
    """Median from opened to merged, of promotions."""
    time_to_restore: timedelta | None
    """Median from the merge that failed to the merge of its revert."""


class History(msgspec.Struct, frozen=True, kw_only=True):
    """A service's past in one environment, newest reign first."""

    service: Name
    environment: Name
    state: State
    named: Digest | None
    """The model that main names; another than the live one while a canary runs."""
    reigns: tuple[Reign, ...]
    undo: str
    """The command that goes back; empty where nothing is live."""
    numbers: Numbers

    @property
    def live(self) -> Reign | None:
        return self.reigns[0] if self.reigns else None


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One service in one environment, now."""

    environment: Name
    service: Name
    state: State
    live: Digest | None
    since: datetime | None
    named: Digest | None
    open: tuple[int, ...]
    """Numbers of its open pull requests."""
    bans: int


def why(  # noqa: PLR0917 - whose history, then what Git says
    service: Name,
    environment: Name,
    log: Sequence[LogEntry],
    tags: Sequence[LiveTag],
    pull_requests: Sequence[PullRequest],
    versions: Mapping[Commit, str],
) -> History:
    """Return a service's history; `log` is version.yaml's on main.

    `versions` holds version.yaml's text at each commit of `log` and at each tagged one.
    """
    past = history(tags, environment, service)
    pulls = [pull for pull in pull_requests if (branch_parts(pull.branch) or ())[1:3] == (environment, service)]
    reigns: list[Reign] = []
    for tag in sorted((tag for tag in past if tag.outcome == "live"), key=lambda tag: tag.seq):
        if reigns and reigns[-1].model == tag.revision.model:
            continue
        before = reigns[-1] if reigns else None
        if before is not None:
            reigns[-1] = msgspec.structs.replace(before, until=tag.at)
        reigns.append(reign(tag, before, log, pulls, versions))
    named = named_at(log[0].commit, versions) if log else None
    return History(
        service=service,
        environment=environment,
        state=state_of(named.model.sha256 if named else None, past),
        named=named.model.sha256 if named else None,
        reigns=tuple(reversed(reigns)),
        undo=way_back(service, environment, [tag for tag in past if tag.outcome == "live"]),
        numbers=numbers(past, pulls),
    )


def way_back(service: Name, environment: Name, live: Sequence[LiveTag]) -> str:
    """Return the command that goes back to what was live before; after a first model only its merge can be undone."""
    last = max(live, key=lambda tag: tag.seq, default=None)
    if last is None:
        return ""
    if any(tag.revision != last.revision for tag in live):
        return f"headgate propose --revert {service} {environment}"
    return f"git revert -m 1 {last.commit[:12]} in a clone of the env repo: nothing else was live, so this retires it"


def reign(
    tag: LiveTag,
    before: Reign | None,
    log: Sequence[LogEntry],
    pulls: Sequence[PullRequest],
    versions: Mapping[Commit, str],
) -> Reign:
    version = named_at(tag.commit, versions)
    entry = brought_by(tag, log, versions)
    pull = pull_of(entry, pulls)
    reverted = pull is not None and pull.branch.startswith("revert/")
    because = pull.title if pull and reverted else version.cause.detail if version else "unknown"
    return Reign(
        model=tag.revision.model,
        since=tag.at,
        until=None,
        commit=tag.commit,
        version=version,
        because=because,
        trigger=version.cause.trigger if version and not reverted else None,
        judged=version.summary if version else "unknown",
        merged_by=(pull.merged_by if pull else None) or (entry.committer if entry else None),
        pull_request=pull.number if pull else None,
        analyses_passed=sum(analysis.outcome == "pass" for analysis in tag.analyses),
        analyses=len(tag.analyses),
        replaces=before.model if before else None,
        replaced_after=tag.at - before.since if before else None,
    )


def named_at(commit: Commit, versions: Mapping[Commit, str]) -> Version | None:
    text = versions.get(commit)
    return parse(text, Version, f"version.yaml at {commit[:12]}") if text else None


def brought_by(tag: LiveTag, log: Sequence[LogEntry], versions: Mapping[Commit, str]) -> LogEntry | None:
    """Return the commit that wrote the version.yaml a tag is about; a revert writes an old text once more."""
    text = versions.get(tag.commit)
    same = [entry for entry in log if text is not None and versions.get(entry.commit) == text]
    exact = [entry for entry in same if entry.commit == tag.commit]
    earlier = [entry for entry in same if entry.at <= tag.at]
    return next(iter(exact or earlier or same), None)


def pull_of(entry: LogEntry | None, pulls: Sequence[PullRequest]) -> PullRequest | None:
    merged = [pull for pull in pulls if pull.state == "merged"]
    return next((pull for pull in merged if entry and entry.commit in {pull.merge_commit, pull.head}), None)


def numbers(past: Sequence[LiveTag], pulls: Sequence[PullRequest]) -> Numbers:
    """Return how often and how fast things went in and back out."""
    merged = [pull for pull in pulls if pull.state == "merged"]
    promoted = [pull for pull in merged if pull.branch.startswith("promote/")]
    reverted = [pull for pull in merged if pull.branch.startswith("revert/")]
    failed = {pull.merge_commit[:12]: pull for pull in promoted if pull.merge_commit}
    lead = [pull.closed_at - pull.opened_at for pull in promoted if pull.closed_at]
    restored = [
        pull.closed_at - culprit.closed_at
        for pull in reverted
        if (culprit := failed.get(pull.branch.rpartition("/")[2][:12])) and pull.closed_at and culprit.closed_at
    ]
    return Numbers(
        promotions=len(promoted),
        reverts=len(reverted),
        failed_canaries=sum(
            tag.outcome == "aborted" and any(a.outcome == "fail" for a in tag.analyses) for tag in past
        ),
        lead_time=middle(lead),
        time_to_restore=middle(restored),
    )


def middle(lengths: Sequence[timedelta]) -> timedelta | None:
    return timedelta(seconds=median(length.total_seconds() for length in lengths)) if lengths else None


def status(desired: Desired, tags: Sequence[LiveTag], pull_requests: Sequence[PullRequest]) -> list[Row]:
    """Return every service in every environment as it stands now, in promotion.yaml's order."""
    rows = []
    for order in desired.order():
        for service in desired.services(order.name):
            live = champion(tags, order.name, service)
            version = desired.version(order.name, service)
            named = version.model.sha256 if version else None
            mine = [pull for pull in pull_requests if (branch_parts(pull.branch) or ())[1:3] == (order.name, service)]
            rows.append(
                Row(
                    environment=order.name,
                    service=service,
                    state=state_of(named, history(tags, order.name, service)),
                    live=live.revision.model if live else None,
                    since=live.at if live else None,
                    named=named,
                    open=tuple(pull.number for pull in mine if pull.state == "open"),
                    bans=len(desired.bans(order.name, service)),
                )
            )
    return rows
