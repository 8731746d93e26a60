"""Spans by OpenTelemetry, sent over OTLP to where somebody said: which path, which model, which status; no payload."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from headgate import measures
from headgate.names import Digest, short

FAILED = 500
SEND_SECONDS = 2.0


class Spans:
    """Makes a span of each prediction, within the caller's trace where it names one (`traceparent`)."""

    def __init__(self, endpoint: str, service: str, model: Digest) -> None:
        resource = Resource.create({"service.name": service, f"headgate.{measures.MODEL}": short(model)})
        self.provider = TracerProvider(resource=resource)
        sender = BatchSpanProcessor(
            OTLPSpanExporter(endpoint=endpoint, timeout=SEND_SECONDS), schedule_delay_millis=SEND_SECONDS * 1000
        )
        self.provider.add_span_processor(sender)
        self.tracer = self.provider.get_tracer("headgate.serve")
        self.propagator = TraceContextTextMapPropagator()

    @contextmanager
    def span(self, path: str, headers: Sequence[tuple[bytes, bytes]]) -> Iterator[Callable[[int], None]]:
        """Give what is told the answer's status, while the span runs."""
        carried = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers if is_context(name)}
        context = self.propagator.extract(carried)
        attributes = {"http.request.method": "POST", "url.path": path}
        with self.tracer.start_as_current_span(
            "infer", context, SpanKind.SERVER, attributes, record_exception=False
        ) as span:

            def tell(status: int) -> None:
                span.set_attribute("http.response.status_code", status)
                if status >= FAILED:
                    span.set_status(StatusCode.ERROR)

            yield tell


def is_context(name: bytes) -> bool:
    """Say whether a header names the trace a request is part of."""
    return name in (b"traceparent", b"tracestate")
