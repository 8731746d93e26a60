"""Counts from a server's own metrics page: since the step began, through restarts, or a clear error."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from headgate.adapters.metrics_local import LocalMetrics, parse
from headgate.errors import PermanentError, TransientError
from headgate.ports import Count
from headgate.serve.telemetry.meters import Meters

STEP = datetime(2013, 7, 1, tzinfo=UTC)
NEXT = STEP + timedelta(minutes=5)


class Page:
    """A server whose metrics are the real server's."""

    def __init__(self) -> None:
        self.meters = Meters("flights", "0123456789ab")
        self.status = 200
        page = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(page.status)
                self.end_headers()
                self.wfile.write(page.meters.text())

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def answers(self, count: int, code: int = 200, seconds: float = 0.004) -> None:
        for _ in range(count):
            self.meters.answered(code, seconds)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def pages() -> Iterator[tuple[Page, Page]]:
    both = Page(), Page()
    yield both
    for page in both:
        page.close()


@pytest.fixture
def metrics(pages: tuple[Page, Page]) -> LocalMetrics:
    made = LocalMetrics(deadline_seconds=1.0)
    made.watch("stable", [pages[0].url])
    made.watch("canary", [pages[1].url])
    return made


def errors(metrics: LocalMetrics, since: datetime = STEP) -> Count | None:
    return metrics.ask("errors", 0.01, "flights", "canary", since)


def test_an_unknown_question_is_refused(metrics: LocalMetrics) -> None:
    """With the one it may mean."""
    with pytest.raises(PermanentError, match=r"nothing counts 'error'. Did you mean 'errors'\?"):
        metrics.ask("error", 0.01, "flights", "canary", STEP)


def test_an_unreachable_server_is_a_transient_error() -> None:
    """It names the address."""
    metrics = LocalMetrics(deadline_seconds=0.5)
    metrics.watch("canary", ["http://127.0.0.1:1"])

    with pytest.raises(TransientError, match=r"no metrics from http://127\.0\.0\.1:1"):
        errors(metrics)


def test_a_server_that_answers_with_an_error_is_a_transient_error(
    pages: tuple[Page, Page], metrics: LocalMetrics
) -> None:
    """A page that isn't metrics is not read as zero."""
    pages[1].status = 500

    with pytest.raises(TransientError, match="status 500"):
        errors(metrics)


def test_a_track_without_servers_or_another_service_has_no_data(metrics: LocalMetrics) -> None:
    """None, not zero."""
    metrics.watch("canary", [])

    assert errors(metrics) is None
    assert metrics.ask("errors", 0.01, "other", "stable", STEP) is None


def test_errors_and_slow_answers_are_counted_by_track(pages: tuple[Page, Page], metrics: LocalMetrics) -> None:
    """5xx by code, slowness by the bucket; 4xx and the bound itself are not bad."""
    pages[0].answers(50)
    pages[1].answers(7)
    pages[1].answers(2, code=500)
    pages[1].answers(1, code=400, seconds=0.05)
    pages[1].answers(3, seconds=0.051)

    assert errors(metrics) == Count(13, 2)
    assert metrics.ask("p99", 50.0, "flights", "canary", STEP) == Count(13, 3)
    assert metrics.ask("errors", 0.01, "flights", "stable", STEP) == Count(50, 0)


def test_a_limit_that_no_bucket_ends_at_is_refused(pages: tuple[Page, Page], metrics: LocalMetrics) -> None:
    """A share that cannot be counted is not guessed."""
    pages[1].answers(1)

    with pytest.raises(PermanentError, match=r"ends at 0\.06 s"):
        metrics.ask("p99", 60.0, "flights", "canary", STEP)


def test_a_new_step_counts_from_its_beginning(pages: tuple[Page, Page], metrics: LocalMetrics) -> None:
    """With `begin` from that moment, without it from the last reading."""
    pages[1].answers(10, code=500)
    metrics.begin(STEP)
    pages[1].answers(4)
    first = errors(metrics)
    pages[1].answers(1, code=500)
    second = errors(metrics, NEXT)

    assert (first, second) == (Count(4, 0), Count(1, 1))


def test_a_restarted_server_goes_on_counting(pages: tuple[Page, Page], metrics: LocalMetrics) -> None:
    """A counter below its last value began again from 0."""
    pages[1].answers(10, code=500)
    before = errors(metrics)
    pages[1].meters = Meters("flights", "0123456789ab")
    pages[1].answers(3)

    assert (before, errors(metrics)) == (Count(10, 10), Count(13, 10))


def test_a_server_replaced_in_mid_step_keeps_what_it_counted(pages: tuple[Page, Page], metrics: LocalMetrics) -> None:
    """The canary's process died and another took its place at another port."""
    pages[1].answers(5, code=500)
    before = errors(metrics)
    pages[1].close()
    other = Page()
    metrics.watch("canary", [other.url])
    other.answers(6)

    assert (before, errors(metrics)) == (Count(5, 5), Count(11, 5))
    other.close()


def test_naming_the_same_servers_again_counts_nothing_twice(pages: tuple[Page, Page], metrics: LocalMetrics) -> None:
    """The ring names all servers whenever one of them changes."""
    pages[1].answers(5, code=500)
    errors(metrics)
    metrics.watch("canary", [pages[1].url])

    assert errors(metrics) == Count(5, 5)


def test_a_promoted_server_counts_as_stable_from_the_next_step(pages: tuple[Page, Page], metrics: LocalMetrics) -> None:
    """Its history goes with it."""
    pages[1].answers(5)
    errors(metrics)
    metrics.watch("stable", [pages[1].url])
    metrics.watch("canary", [])
    metrics.begin(NEXT)
    pages[1].answers(2)

    assert metrics.ask("errors", 0.01, "flights", "stable", NEXT) == Count(2, 0)


def test_a_page_with_odd_lines_is_read() -> None:
    """Comments, escapes, timestamps and values that are no numbers."""
    page = '# TYPE a counter\n\na_total{x="q\\"}",y="2"} 3 1700000000\nb NaN\nc +Inf\nnonsense\n'

    assert dict(parse(page)) == {
        ("a_total", (("x", 'q\\"}'), ("y", "2"))): 3.0,
        ("b", ()): 0.0,
        ("c", ()): 0.0,
    }
