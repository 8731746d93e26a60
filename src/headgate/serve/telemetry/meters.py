"""What Prometheus reads of this process: every name from `headgate.measures`, every child bound once."""

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest

from headgate import measures
from headgate.serve.telemetry.phases import Phases


class Meters:
    """Counts the answers of one served model."""

    def __init__(self, service: str, model: str) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library left it out
        self.registry = CollectorRegistry()
        self._service, self._model = service, model
        self._requests = self.counter(measures.REQUESTS, "Answers, refusals included.", measures.REQUESTS_LABELS)
        self._rejected = self.counter(measures.REJECTED, "Requests refused.", measures.REJECTED_LABELS)
        self._faults = self.counter(measures.FAULTS, "Answers spoiled on purpose.", measures.FAULTS_LABELS)
        self._lost = self.counter(measures.LOG_LOST, "Answered requests not logged.", (measures.SERVICE,)).labels(
            service
        )
        self._seconds = Histogram(
            measures.REQUEST_SECONDS,
            "From a request's last byte to its answer's first.",
            measures.REQUEST_SECONDS_LABELS,
            registry=self.registry,
            buckets=measures.BUCKETS_SECONDS,
        ).labels(service, model)
        self.phases = Phases(service, model)
        self.registry.register(self.phases)
        self._by_code = {code: self._requests.labels(service, model, str(code)) for code in (200, 400, 500, 503)}
        self._by_reason: dict[str, Counter] = {}

    def counter(self, name: str, text: str, labels: tuple[str, ...]) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def answered(self, code: int, seconds: float) -> None:
        """Count one answer of the inference endpoint."""
        child = self._by_code.get(code)
        if child is None:
            child = self._by_code[code] = self._requests.labels(self._service, self._model, str(code))
        child.inc()
        self._seconds.observe(seconds)

    def rejected(self, reason: str) -> None:
        """Count one refusal."""
        child = self._by_reason.get(reason)
        if child is None:
            child = self._by_reason[reason] = self._rejected.labels(self._service, reason)
        child.inc()

    def spoiled(self, fault: str) -> None:
        """Count one answer that a fault of serving.yaml spoiled."""
        self._faults.labels(self._service, self._model, fault).inc()

    def lost(self, requests: int) -> None:
        """Count answered requests that the prediction log gave up."""
        self._lost.inc(requests)

    def text(self) -> bytes:
        """Return the exposition."""
        return generate_latest(self.registry)
