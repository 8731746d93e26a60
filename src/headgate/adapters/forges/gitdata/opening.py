"""How a proposal becomes a branch and a pull request, however often it is asked for."""

from datetime import datetime

import pygit2

from headgate import wording
from headgate.adapters.forges.gitdata import history, pulls, refs, trees
from headgate.errors import MovedError, PermanentError
from headgate.records.change import Proposal, PullRequest

TITLE_LENGTH = 200


def open_proposal(repo: pygit2.Repository, proposal: Proposal, author: str, at: datetime) -> PullRequest:
    """Open a proposal, or adopt the pull request or the branch that a killed call left."""
    check_branch(proposal)
    existing = pulls.of_branch(repo, proposal.branch)
    if existing is not None:
        return adopted(repo, existing, proposal)
    base = refs.commit_at(repo, proposal.base)
    main = refs.target(repo, pulls.MAIN)
    if main is None or not history.reaches(repo, main, base.id):
        raise MovedError(f"base {proposal.base[:12]} is not on main", next_step="read main again, then propose")
    who = refs.signature(author, at)
    pull = PullRequest(
        number=max(pulls.numbers(repo), default=0) + 1,
        state="open",
        title=one_line(proposal.title),
        body=proposal.body,
        branch=proposal.branch,
        base=proposal.base,
        head=refs.commit_oid(branch(repo, proposal, base, who)),
        url=None,
        author=who.name,
        opened_at=datetime.fromtimestamp(who.time, tz=at.tzinfo),
    )
    return pulls.save(repo, pull, "Open", who)


def adopted(repo: pygit2.Repository, existing: PullRequest, proposal: Proposal) -> PullRequest:
    if existing.state == "open" and not holds(repo, existing.head, proposal):
        raise PermanentError(
            f"branch {proposal.branch!r} is already pull request #{existing.number}, with other edits",
            next_step="close it, or propose the next attempt",
        )
    return existing


def branch(repo: pygit2.Repository, proposal: Proposal, base: pygit2.Commit, who: pygit2.Signature) -> pygit2.Oid:
    """Return the head of the proposal's branch, made where it is not there."""
    reference = pulls.HEADS + proposal.branch
    left = refs.target(repo, reference)
    new = branch_commit(repo, proposal, base, who, left)
    if new != left:
        refs.move(repo, reference, new, left)
    return new


def branch_commit(
    repo: pygit2.Repository, proposal: Proposal, base: pygit2.Commit, who: pygit2.Signature, left: pygit2.Oid | None
) -> pygit2.Oid:
    """Return what the branch must be: made, or as a killed call `left` it; a person's is not touched."""
    if left is not None:
        tip = refs.commit_at(repo, str(left))
        if tip.parent_ids == [base.id] and holds(repo, str(left), proposal):
            return left
        if tip.committer.name != who.name:
            raise PermanentError(
                f"branch {proposal.branch!r} is {tip.committer.name}'s", next_step="delete or rename it"
            )
    tree = trees.edited(repo, base.tree, proposal.edits)
    if tree == base.tree.id:
        raise PermanentError(
            f"proposal {one_line(proposal.title)!r} changes nothing", next_step="it is on main already"
        )
    return repo.create_commit(None, who, who, f"{one_line(proposal.title)}\n", tree, [base.id])


def holds(repo: pygit2.Repository, head: str, proposal: Proposal) -> bool:
    """Say whether a commit's files are what the proposal's edits make them."""
    tip = refs.commit_at(repo, head).tree
    return trees.edited(repo, tip, proposal.edits) == tip.id


def check_branch(proposal: Proposal) -> None:
    expected = f"{proposal.purpose}/{proposal.environment}/{proposal.service}/"
    leaf = proposal.branch.removeprefix(expected)
    valid = pygit2.reference_is_valid_name(pulls.HEADS + proposal.branch) and len(leaf.encode()) <= TITLE_LENGTH
    if not proposal.branch.startswith(expected) or not leaf or "/" in leaf or not valid:
        raise PermanentError(
            f"{proposal.branch[:80]!r} is not a branch of this proposal", found=f"want {expected}<name>"
        )


def one_line(text: str) -> str:
    """Return text as a title: one line, printable, at most 200 characters."""
    return wording.one_line(text, TITLE_LENGTH) or "untitled"
