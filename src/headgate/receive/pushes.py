"""Which pushed commit starts a run: one that a forge told of, and one that nobody told of though pushes are told."""

from collections.abc import Iterable

from headgate.names import Commit
from headgate.receive import letters, runs
from headgate.receive.letters import Push, PushedCommit
from headgate.receive.retraining import Retraining
from headgate.records.cluster import Order
from headgate.records.live import Trigger
from headgate.specs.receiver import Trained


class Pushes:
    """Starts runs of pushed commits; a forge tells of each once, whoever hears it, so branches are looked at too."""

    def __init__(self, retraining: Retraining) -> None:
        self.retraining = retraining
        self._settled: dict[str, Commit] = {}
        self._new: dict[str, Commit] = {}

    def hear(self, service: str, push: Push) -> tuple[Order, bool]:
        """Start the run of a push that was told of; whether it was started now is returned beside it."""
        told = Commit(push.commit)
        by_ci = is_told_by_ci(self.retraining.settings.services[service])
        return self.start(service, push, told if by_ci else self.retraining.repositories[service].code(told))

    def look(self, service: str) -> Order | None:
        """Start the run of a commit that nobody told of, once two looks saw it; None where none was started."""
        code = self.retraining.repositories[service].code()
        if code == self._settled.get(service) or is_told_by_ci(self.retraining.settings.services[service]):
            return None
        known = self.remembered(service)
        if self.was_run(service, code, known):
            self._settled[service] = code
            return None
        before, self._new[service] = self._new.get(service), code
        if before != code or not any(letters.is_push(one) for one in known):
            return None
        push = Push(after=code, head_commit=PushedCommit(message="nobody told of it"))
        order, started = self.start(service, push, code)
        return order if started else None

    def start(self, service: str, push: Push, code: Commit) -> tuple[Order, bool]:
        retraining = self.retraining
        trained, spec = retraining.settings.services[service], retraining.repositories[service].spec()
        trigger = letters.pushed(push, service, retraining.environment(service), code, retraining.clock())
        order = runs.order(trigger, trained, retraining.settings, spec)
        return order, retraining.cluster.start(order)

    def remembered(self, service: str) -> list[Trigger]:
        """Return the triggers of all runs; a push's is kept in the store, as its Workflow is only there for a month."""
        retraining, place = self.retraining, (self.retraining.environment(service), service)
        own = [one for one in retraining.cluster.workflows()[0] if (one.environment, one.service) == place]
        borne = [made for one in own if (made := runs.trigger_in(one))]
        kept = retraining.evidence.triggers(place)
        keys = {one.key for one in kept}
        for made in borne:
            if letters.is_push(made) and made.key not in keys:
                retraining.evidence.decide(made)
        return [*kept, *borne]

    def was_run(self, service: str, code: Commit, known: Iterable[Trigger]) -> bool:
        """Say whether a run had this code, whatever its cause; one of a later commit may have had the same folder."""
        repository, commits = self.retraining.repositories[service], {one.code for one in known if one.code}
        return code in commits or any(repository.code(Commit(one)) == code for one in sorted(commits))


def is_told_by_ci(trained: Trained) -> bool:
    """Say whether each commit has an image of its own: CI tells when it is there, or fails where its people see it."""
    return "{commit}" in trained.image
