"""What e2e.json and the table say."""

from cluster.scenarios.ring.summary import Scenario, document, table


def test_a_skipped_scenario_has_failed() -> None:
    """Nothing that was not played counts as good."""
    skipped, played = Scenario("a drift"), Scenario("a push")

    skipped.add("skipped", 0.1)
    for _ in range(3):
        played.add("passed", 1.25)

    assert [False, True] == [one.passed for one in (skipped, played)]
    assert 3.8 == played.seconds


def test_what_fails_after_it_passed_has_failed() -> None:
    """A ring that is left broken is a failure of who left it."""
    one = Scenario("a push")

    for outcome in ("passed", "passed", "failed"):
        one.add(outcome, 1.0)

    assert not one.passed


def test_the_document_and_the_table_say_the_same() -> None:
    """One for programs, one for people."""
    one = Scenario("a push becomes a live model", seconds=61.5, measured={"failed": 0, "requests": 7320})

    assert {
        "scenarios": [{"name": one.name, "passed": True, "seconds": 61.5, "measured": {"failed": 0, "requests": 7320}}],
        "versions": {"kserve": "v0.20.0"},
        "seconds": 90.1,
        "commit": "0123456789ab",
    } == document([one], {"kserve": "v0.20.0"}, 90.12, "0123456789ab")
    assert ["result seconds scenario", "passed 61.5 a push becomes a live model", "failed 0, requests 7320"] == [
        " ".join(line.split()) for line in table([one])
    ]
