"""Which open reverts can no longer be merged? Those that change a file which main has changed since."""

from collections.abc import Iterable, Iterator

from headgate.names import Commit
from headgate.ports import Forge
from headgate.records.change import PullRequest, branch_parts


def conflicting(forge: Forge, pulls: Iterable[PullRequest], main: Commit | None) -> Iterator[int]:
    """Yield the numbers of the open reverts that conflict with main; whole files decide, as when they are merged."""
    for pull in pulls:
        if main and pull.state == "open" and pull.branch.startswith("revert/") and conflicts(forge, pull, main):
            yield pull.number


def conflicts(forge: Forge, pull: PullRequest, main: Commit) -> bool:
    """Say whether both sides changed a file of the service, each in its own way."""
    _, environment, service, _ = branch_parts(pull.branch) or ("", "", "", "")
    folder = f"env/{environment}/{service}/"
    paths = {path for commit in (pull.base, pull.head, main) for path in forge.paths(folder, commit)}
    for path in paths:
        before, ours, theirs = (forge.read(path, commit) for commit in (pull.base, main, pull.head))
        if theirs != before and ours not in {before, theirs}:
            return True
    return False
