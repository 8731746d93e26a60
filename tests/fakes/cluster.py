"""A cluster in memory: a Rollouts controller led by the hand, Workflows, an API server that can be down."""

import hashlib
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from headgate.desired import Desired
from headgate.errors import MovedError, TransientError
from headgate.ports import Cluster
from headgate.records.cluster import Examination, Marks, Measured, Order, Rollout, Unreadable, Workflow

WEIGHTS = (10, 10, 10, 25, 25, 25, 50, 50, 50)
"""As the chart's steps: setWeight, pause, analysis, three times."""


class MemoryCluster(Cluster):
    """`ports.Cluster` in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, Rollout] = {}
        self.ran: dict[str, Workflow] = {}
        self.orders: list[Order] = []
        self.unreadable: list[Unreadable] = []
        self.down = False
        self.aborted: list[str] = []
        self.promoted: list[str] = []
        self.touched: list[str] = []

    def rollouts(self) -> tuple[list[Rollout], list[Unreadable]]:
        self.answer()
        return list(self.kept.values()), list(self.unreadable)

    def workflows(self) -> tuple[list[Workflow], list[Unreadable]]:
        self.answer()
        return list(self.ran.values()), []

    def start(self, order: Order) -> bool:
        self.answer()
        if order.name in self.ran:
            return False
        labels = order.labels
        self.ran[order.name] = Workflow(
            name=order.name,
            service=labels["headgate.dev/service"],
            environment=labels["headgate.dev/environment"],
            key=labels["headgate.dev/key"],
            attempt=int(labels["headgate.dev/attempt"]),
            trigger=order.annotations.get("headgate.dev/trigger"),
            phase="Running",
        )
        self.orders.append(order)
        return True

    def abort(self, rollout: Rollout) -> None:
        self.answer()
        self.aborted.append(rollout.name)

    def promote(self, rollout: Rollout) -> None:
        self.answer()
        if self.kept[rollout.service].current != rollout.current:
            raise MovedError("it has another revision meanwhile")
        self.promoted.append(rollout.current)

    def touch(self, rollout: Rollout, words: str) -> None:
        self.answer()
        self.touched.append(words)

    def answer(self) -> None:
        if self.down:
            raise TransientError("the API server cannot be reached")

    def sync(self, desired: Desired, environment: str, service: str, now: datetime) -> None:
        """Render what main names, as Argo CD, KServe and Rollouts do together."""
        revision = desired.revision(environment, service)
        assert revision is not None
        serving = msgspec.json.encode(replace(desired.serving(environment, service), canary=None)).decode()
        marks = Marks(model=revision.model, serving=serving, chart=revision.chart)
        pods = hashlib.sha256(f"{revision.model}{desired.serving(environment, service).threads}".encode()).hexdigest()[
            :9
        ]
        before = self.kept.get(service)
        if before is None:
            self.kept[service] = Rollout(
                namespace=environment,
                name=service,
                service=service,
                environment="",
                revision="1",
                phase="Healthy",
                current=pods,
                stable=pods,
                weights=WEIGHTS,
                healthy_at=now,
                marks=marks,
            )
        elif before.current == pods:
            self.kept[service] = replace(before, marks=marks)
        else:
            self.kept[service] = replace(
                before,
                revision=str(int(before.revision) + 1),
                phase="Healthy" if pods == before.stable else "Progressing",
                message="",
                current=pods,
                step=0,
                weight=0 if pods == before.stable else 10,
                aborted_at=None,
                paused_at=None,
                healthy_at=now if pods == before.stable else None,
                marks=marks,
            )

    def examine(
        self, service: str, phase: str, now: datetime, *, step: int = 2, bad: int = 40, begun: int = 30
    ) -> None:
        """Let an AnalysisRun of the newest revision begin or end; a failed or erring one aborts."""
        rollout = self.kept[service]
        name = f"{rollout.current}-{rollout.revision}-{step}"
        found = Examination(
            name=name,
            pods=rollout.current,
            revision=rollout.revision,
            step=step if step >= 0 else None,
            phase=phase,  # type: ignore[arg-type]
            measured=(
                Measured(metric="errors", phase=phase, value="[1]"),  # type: ignore[arg-type]
                Measured(metric="errors-bad", phase="Successful", value=f"[{bad}]", dry=True),
                Measured(metric="errors-requests", phase="Successful", value="[200]", dry=True),
            ),
            started_at=now - timedelta(seconds=begun),
            ended_at=None if phase == "Running" else now,
            marks=rollout.marks,
        )
        others = tuple(one for one in rollout.examinations if one.name != name)
        rollout = replace(rollout, examinations=(*others, found), step=max(step, 0))
        if phase == "Inconclusive":
            rollout = replace(rollout, phase="Paused", message="InconclusiveAnalysisRun", paused_at=now)
        if phase in {"Failed", "Error"}:
            rollout = replace(rollout, phase="Degraded", message=f"RolloutAborted: {phase}", aborted_at=now, weight=0)
        self.kept[service] = rollout

    def promote_all(self, service: str, now: datetime) -> None:
        """Let the newest revision have all traffic."""
        rollout = self.kept[service]
        self.kept[service] = replace(
            rollout,
            stable=rollout.current,
            phase="Healthy",
            weight=0,
            step=len(WEIGHTS),
            healthy_at=now,
            promoting=False,
        )
