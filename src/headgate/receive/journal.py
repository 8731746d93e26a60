"""What the receiver says of itself: what it did, and each trouble once, until it is another one or over."""

from collections.abc import Callable

from headgate.errors import HeadgateError
from headgate.propose.actions import Close, Comment, Open, Update
from headgate.receive.actions import Abort, Action, Mark, Merge, Promote, Tag, Touch
from headgate.receive.retraining import Weighed
from headgate.receive.watch import Looked


class Journal:
    """Tells people, in one line each."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.tell = tell
        self._troubles: dict[str, str] = {}
        self._decided: dict[str, str] = {}

    def looked(self, looked: Looked) -> None:
        """Tell what a look did, and what it could not."""
        for action in looked.done:
            self.tell(said(action))
        now = {trouble.where: trouble.error for trouble in looked.troubles}
        for where, error in now.items():
            self.trouble(f"at {where}", error)
        for where in [where for where in self._troubles if where.startswith("at ") and where[3:] not in now]:
            self.over(where)

    def trouble(self, where: str, error: HeadgateError) -> None:
        """Tell a trouble, once."""
        text = "; ".join(error.lines())
        if self._troubles.get(where) != text:
            self._troubles[where] = text
            self.tell(f"trouble {where}: {text}")

    def over(self, where: str) -> None:
        """Tell that a trouble is over."""
        if self._troubles.pop(where, None):
            self.tell(f"over    {where}")

    def weighed(self, weighed: Weighed) -> None:
        """Tell a decision, once while it stays so."""
        told = f"{weighed.decision}: {weighed.reason}"
        if weighed.decision != "quiet" and self._decided.get(weighed.service) != told:
            self.tell(f"weighed {weighed.service} in {weighed.environment}: {told}")
        self._decided[weighed.service] = told

    def untold(self, service: str, workflow: str) -> None:
        """Tell of a push that nobody told of."""
        self.tell(f"push    {service}: nobody told of it; started {workflow}")


def said(action: Action) -> str:
    """Return an action as a line."""
    match action:
        case Mark(commit=commit, state=state, detail=detail):
            return f"status  {commit[:12]} {state}: {detail}"
        case Tag(record=record):
            return f"tagged  {action.name} at {record.commit[:12]}"
        case Abort(rollout=rollout, reason=reason):
            return f"aborted {rollout.environment}/{rollout.service}: {reason}"
        case Promote(rollout=rollout, reason=reason):
            return f"promote {rollout.environment}/{rollout.service}: {reason}"
        case Touch(rollout=rollout, reason=reason):
            return f"touched {rollout.namespace}/{rollout.name}: {reason}"
        case _:
            return asked(action)


def asked(action: Action) -> str:
    match action:
        case Open(proposal=proposal):
            return f"opened  {proposal.branch}: {proposal.title}"
        case Update(number=number) | Comment(number=number) | Close(number=number) | Merge(number=number):
            return f"{type(action).__name__.lower():<7} #{number}"
        case _:
            return type(action).__name__.lower()
