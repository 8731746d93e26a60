"""Pull requests as Git data: `refs/pulls/<n>` points to a commit whose tree holds pull.json."""

import pygit2
from msgspec.structs import replace

from headgate.adapters.forges.gitdata import history, refs, trees
from headgate.errors import PermanentError
from headgate.records import codec
from headgate.records.change import Edit, PullRequest, branch_parts

PREFIX = "refs/pulls/"
HEADS = "refs/heads/"
MAIN = "refs/heads/main"
DOCUMENT = "pull.json"


def load(repo: pygit2.Repository, number: int) -> PullRequest:
    """Return a pull request as it was last written."""
    content = refs.document(repo, f"{PREFIX}{number}", DOCUMENT)
    if content is None:
        raise PermanentError(f"no pull request #{number}", next_step="`headgate pr list` shows them")
    return codec.decode(content, PullRequest, f"{PREFIX}{number}")


def load_all(repo: pygit2.Repository) -> list[PullRequest]:
    """Return every pull request as it was last written, oldest first."""
    return [load(repo, number) for number in numbers(repo)]


def of_service(repo: pygit2.Repository, service: str) -> list[PullRequest]:
    """Return the pull requests whose branch names a service, oldest first."""
    return [pull for pull in load_all(repo) if (branch_parts(pull.branch) or ("", "", ""))[2] == service]


def numbers(repo: pygit2.Repository) -> list[int]:
    found = (name.removeprefix(PREFIX) for name in refs.names(repo, PREFIX))
    return sorted(int(name) for name in found if name.isascii() and name.isdigit())


def save(repo: pygit2.Repository, pull: PullRequest, what: str, who: pygit2.Signature) -> PullRequest:
    """Write a pull request's new state as a further commit on its reference."""
    edit = Edit(path=DOCUMENT, text=codec.encode(pull).decode())
    refs.append(repo, f"{PREFIX}{pull.number}", [edit], f"{what} #{pull.number}", who)
    return pull


def of_branch(repo: pygit2.Repository, branch: str) -> PullRequest | None:
    """Return the newest pull request of a branch."""
    found = [pull for pull in load_all(repo) if pull.branch == branch]
    return observed(repo, found[-1]) if found else None


def observed(repo: pygit2.Repository, pull: PullRequest) -> PullRequest:
    """Return a pull request as the branches show it: people push, merge and delete by hand too."""
    if pull.state != "open":
        return pull
    branch = refs.target(repo, HEADS + pull.branch)
    head = branch or pygit2.Oid(hex=pull.head)
    main = refs.target(repo, MAIN)
    landed = landing(repo, pull, head, main) if main is not None else None
    pull = replace(pull, head=refs.commit_oid(head))
    if landed is not None:
        merged_by = landed.committer.name
        oid = refs.commit_oid(landed.id)
        return replace(pull, state="merged", closed_at=refs.when(landed), merged_by=merged_by, merge_commit=oid)
    return pull if branch is not None else replace(pull, state="closed")


def landing(repo: pygit2.Repository, pull: PullRequest, head: pygit2.Oid, main: pygit2.Oid) -> pygit2.Commit | None:
    """Return the commit of main that brought in a pull request: by its head, or by its very content."""
    tip, base, top = (refs.commit_at(repo, str(oid)) for oid in (head, pull.base, main))
    if not trees.changed(base.tree, tip.tree):
        return None
    if history.reaches(repo, main, head):
        return history.oldest(line for line in history.first_parents(top) if history.reaches(repo, line.id, head))
    fork = history.fork(repo, main, head)
    if fork is None:
        return None
    changes = trees.changed(fork.tree, tip.tree)
    since = (line for line in history.first_parents(top) if not history.reaches(repo, fork.id, line.id))
    return history.oldest(line for line in since if changes and trees.holds(line.tree, changes))
