"""What do reviewers read on commits and pull requests? Where a rollout is, and whether a merge must wait."""

from collections.abc import Iterator

from headgate.desired import failed_in
from headgate.names import Commit
from headgate.propose.proof import sentence
from headgate.receive.actions import Mark
from headgate.receive.attribution import Attributed
from headgate.receive.page import Page
from headgate.records.change import branch_parts
from headgate.records.cluster import Rollout
from headgate.records.live import Revision, Target

CONTEXT = "headgate/canary"
MOST = 140
"""Characters a forge takes as a status."""
LATE = 8
"""Runs of commits that may still bear an unfinished status."""

Status = tuple[str, str]


def plan(rollout: Rollout, page: Page, found: Attributed) -> Iterator[Mark]:
    """Yield every status that is not what it should be."""
    for commit, (state, detail) in wanted(rollout, page, found).items():
        if page.statuses.get(commit) != (state, detail[:MOST]):
            yield Mark(commit=commit, state=state, detail=detail[:MOST])


def wanted(rollout: Rollout, page: Page, found: Attributed) -> dict[Commit, Status]:
    """Return what each commit should say: main's last one, the canary's, those that were withdrawn, open requests."""
    main = of_main(rollout, page, found)
    marks: dict[Commit, Status] = {}
    for revision, commits in passed(page):
        marks |= dict.fromkeys(
            (commits[0], commits[-1]), of_passed(page, Target(commit=commits[-1], revision=revision))
        )
    if found.running and found.running != page.newest and (running := of_running(rollout, page, found)):
        marks[found.running.commit] = running
    if page.newest and main:
        marks |= dict.fromkeys((page.newest.commit, page.runs[0][1][0]), main)
    return marks | heads(page, main)


def passed(page: Page) -> Iterator[tuple[Revision, tuple[Commit, ...]]]:
    """Yield what main named since the last that went live, but for what it names now."""
    for revision, commits in page.runs[1:LATE]:
        if page.live and page.live[-1].commit in commits:
            return
        if revision is not None:
            yield revision, commits


def of_passed(page: Page, target: Target) -> Status:
    """Return what became of a revision that main names no longer; what was live has not failed by being followed."""
    was_live = [tag for tag in page.live if tag.revision == target.revision]
    if any(tag.commit == target.commit for tag in was_live):
        return ("success", "live")
    aborted = aborted_status(page, target)
    if was_live and not aborted:
        return ("success", "live")
    return aborted or ("failure", "withdrawn: main names another revision")


def of_main(rollout: Rollout, page: Page, found: Attributed) -> Status | None:
    """Return where what main names is."""
    newest = page.newest
    if newest is None:
        return None
    if page.live and page.live[-1].revision == newest.revision and rollout.stable == rollout.current:
        return ("success", "live")
    if found.running and found.running.revision == newest.revision:
        return of_running(rollout, page, found)
    aborted = aborted_status(page, newest)
    if aborted:
        return aborted
    synced = page.target(rollout.marks)
    if synced and synced.revision == newest.revision:
        return ("pending", "synced; its pods are on their way")
    return ("pending", "merged; waits for the cluster's sync")


def of_running(rollout: Rollout, page: Page, found: Attributed) -> Status | None:
    """Return where the newest pods are."""
    target = found.running
    if target is None:
        return None
    if found.end == "live":
        return ("success", "live") if found.sure else ("pending", "synced; its pods are on their way")
    if found.end == "aborted":
        return aborted_status(page, target) or ("failure", f"the canary ended: {rollout.message}")
    if not rollout.stable:
        return ("pending", "synced; the first pods are on their way")
    if rollout.promoting:
        return ("pending", "was live before: takes all traffic at once")
    held = "; held: " + rollout.message if rollout.paused_at else ""
    return ("pending", f"canary at {rollout.weight} %{held}")


def aborted_status(page: Page, target: Target) -> Status | None:
    """Return what the tag says of a canary's end, None when it has not ended so."""
    same = [
        tag
        for tag in page.tags
        if tag.outcome == "aborted" and (tag.commit, tag.revision) == (target.commit, target.revision)
    ]
    if not same:
        return None
    if not failed_in(same[-1]):
        return ("failure", "the canary ended without an answer; nobody is blamed")
    failed = next(one for one in reversed(same[-1].analyses) if one.outcome == "fail")
    return ("failure", f"aborted: {sentence(failed)}")


def heads(page: Page, main: Status | None) -> dict[Commit, Status]:
    """Return what each open pull request should say: promotions wait for a canary, the ways out never do."""
    marks: dict[Commit, Status] = {}
    for pull in page.pulls:
        if pull.state != "open":
            continue
        purpose = (branch_parts(pull.branch) or ("",))[0]
        state = main[0] if main and purpose == "promote" else "success"
        marks[pull.head] = (state, WAITS[state])
    return marks


WAITS = {
    "success": "nothing keeps this from being merged",
    "pending": "waits: a canary of this service is on its way",
    "failure": "waits: what main names was aborted; merge its revert first",
}
