"""May a pull request be merged, and what does main become then? Whole files decide."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import pygit2

from headgate.adapters.forges.gitdata import history, pulls, refs, statuses, trees
from headgate.errors import PermanentError
from headgate.lint import Problem
from headgate.names import Commit
from headgate.records.change import PullRequest, branch_parts

CANARY = "headgate/canary"
SHOWN_PROBLEMS = 10
Check = Callable[[Mapping[str, str], Mapping[str, str]], Sequence[Problem]]
"""Main's texts before and after a merge → the problems it brings: what a forge's required CI is elsewhere."""


Read = Callable[[Commit], Mapping[str, tuple[str, str]]]
"""Gives a commit's statuses: context → (state, detail)."""


def bar(pull: PullRequest, main: pygit2.Commit, read: Read) -> None:
    """Refuse a promotion while the service's last commit on main has an unfinished or failed canary.

    Only `promote/` is barred: a revert, an unban or other settings are the ways out.
    """
    purpose, environment, service, _ = branch_parts(pull.branch) or ("", "", "", "")
    last = next(history.touching(main, f"env/{environment}/{service}"), None)
    if purpose != "promote" or last is None:
        return
    found = read(refs.commit_oid(last.id))
    for context in (CANARY, f"{CANARY}/{environment}/{service}"):
        state, detail = found.get(context, ("success", ""))
        if state != "success":
            raise PermanentError(
                f"pull request #{pull.number} must wait: the canary of {service!r} in {environment!r} is {state}",
                found=f"{detail} (commit {str(last.id)[:12]})",
                next_step="wait until it is live" if state == "pending" else "merge its revert first",
            )


def join(repo: pygit2.Repository, pull: PullRequest, by: str, at: datetime, check: Check | None) -> pygit2.Commit:
    """Make the merge commit of a pull request that its check lets through, and move main to it; return it."""
    seen = refs.target(repo, pulls.MAIN)
    if seen is None:
        raise PermanentError("the env repo has no branch 'main'", next_step="`headgate init` writes its first files")
    main, head = refs.commit_at(repo, str(seen)), refs.commit_at(repo, pull.head)
    bar(pull, main, lambda commit: statuses.load(repo, commit))
    who = refs.signature(by, at)
    message = f"Merge #{pull.number}: {pull.title}\n"
    tree = merged_tree(repo, pull, main, head)
    if check:
        hold(pull, check(trees.texts(main.tree), trees.texts(repo[tree].peel(pygit2.Tree))))
    new = repo.create_commit(None, who, who, message, tree, [main.id, head.id])
    refs.move(repo, pulls.MAIN, new, seen)
    return refs.commit_at(repo, str(new))


def hold(pull: PullRequest, problems: Sequence[Problem]) -> None:
    """Refuse a merge that would bring problems."""
    if problems:
        raise PermanentError(
            f"pull request #{pull.number} does not lint, so it cannot be merged",
            found="\n  ".join(problem.line() for problem in problems[:SHOWN_PROBLEMS]),
            next_step=f"mend branch {pull.branch!r}, or `headgate pr close {pull.number}`",
        )


def merged_tree(repo: pygit2.Repository, pull: PullRequest, main: pygit2.Commit, head: pygit2.Commit) -> pygit2.Oid:
    fork = history.fork(repo, main.id, head.id)
    if fork is None:
        raise PermanentError(f"pull request #{pull.number} shares no history with main", next_step="close it")
    tree = trees.merged(repo, fork.tree, main.tree, head.tree)
    if isinstance(tree, list):
        raise PermanentError(
            f"pull request #{pull.number} conflicts with main: the champion or its base moved",
            found=f"both sides changed {', '.join(tree[:5])}",
            next_step="evaluate again, then `headgate propose`",
        )
    return tree
