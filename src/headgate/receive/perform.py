"""Does what was planned; each action may be done twice, and one that cannot be done keeps none from its turn."""

from collections.abc import Iterable

from headgate.errors import HeadgateError
from headgate.ports import Cluster, Forge
from headgate.propose.actions import Close, Comment, Open, Update
from headgate.receive.actions import Abort, Action, Mark, Merge, Promote, Tag, Touch
from headgate.receive.books import Books
from headgate.records.codec import encode

AUTHOR = "headgate"


def perform(actions: Iterable[Action], books: Books, cluster: Cluster) -> list[tuple[Action, HeadgateError]]:
    """Do each action in its order; return those that could not be done, with why."""
    failed: list[tuple[Action, HeadgateError]] = []
    for action in actions:
        try:
            do(action, books, cluster)
        except HeadgateError as err:
            failed.append((action, err))
    return failed


def do(action: Action, books: Books, cluster: Cluster) -> None:
    """Do one action."""
    match action:
        case Mark(commit=commit, state=state, detail=detail):
            books.set_status(commit, state, detail)
        case Tag(record=record):
            books.forge.tag(action.name, record.commit, encode(record).decode(), record.at)
        case Abort(rollout=rollout):
            cluster.abort(rollout)
        case Promote(rollout=rollout):
            cluster.promote(rollout)
        case Touch(rollout=rollout, reason=reason):
            cluster.touch(rollout, reason)
        case _:
            ask(action, books.forge)


def ask(action: Action, forge: Forge) -> None:
    """Do what is about a pull request."""
    match action:
        case Open(proposal=proposal):
            forge.open(proposal)
        case Update(number=number, title=title, body=body):
            forge.update(number, title, body)
        case Comment(number=number, text=text):
            forge.comment(number, text)
        case Close(number=number):
            forge.close(number, AUTHOR)
        case Merge(number=number, rule=rule):
            forge.merge(number, rule)
        case _:
            pass
