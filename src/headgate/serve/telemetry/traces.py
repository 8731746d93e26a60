"""Spans by OpenTelemetry, sent over OTLP to where somebody said: which path, which model, which status; no payload."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from headgate import measures
from headgate.names import Digest, short
from headgate.serve.telemetry.watch import Asking, Ended

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
    def span(self, asking: Asking) -> Iterator[Callable[[Ended], None]]:
        """Give what is told how the prediction ended, while the span runs."""
        carried = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in asking.headers if is_context(name)
        }
        context = self.propagator.extract(carried)
        with self.tracer.start_as_current_span(
            "infer", context, SpanKind.SERVER, asking.attributes, record_exception=False
        ) as span:

            def tell(ended: Ended) -> None:
                span.set_attributes(words_of(ended))
                if ended.status >= FAILED:
                    span.set_status(StatusCode.ERROR)

            yield tell


def words_of(ended: Ended) -> dict[str, int]:
    """Return an end as OpenTelemetry words it."""
    if ended.grpc:
        return {"rpc.grpc.status_code": ended.grpc_code}
    return {"http.response.status_code": ended.status}


def is_context(name: bytes) -> bool:
    """Say whether a header names the trace a request is part of."""
    return name in (b"traceparent", b"tracestate")
