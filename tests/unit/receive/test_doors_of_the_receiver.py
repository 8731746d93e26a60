"""Letters and what comes of them: at most one run a cause, and nothing at all for those who may not speak."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from unit.receive.station import TOKEN, Station, firing
from unit.receive.world import START

END = START - timedelta(hours=1)
PUSH = {
    "ref": "refs/heads/main",
    "after": "d" * 40,
    "repository": {"full_name": "team/flights"},
    "head_commit": {"id": "d" * 40, "message": "Mend features\n\nmore", "timestamp": "2026-03-02T08:00:00Z"},
}


def decisions(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [one["decision"] for one in answer.json()["services"]]


def test_an_alert_starts_one_run_however_often_it_comes(station: Station) -> None:
    """Delivered three times, the second by another replica, with another startsAt."""
    first = station.alert(firing(END))
    station.replica()
    again = [station.alert(firing(END, startsAt=f"2026-03-0{day}T09:00:00Z")) for day in (3, 4)]

    (order,) = station.world.cluster.orders

    assert decisions(first) == ["started"]
    assert [decision for one in again for decision in decisions(one)] == ["known", "known"]
    assert again[0].json()["services"][0]["workflow"] == order.name
    assert order.parameters["revision"] == str(station.code.head())
    assert station.runs == [order.name]


def test_a_later_window_waits_while_the_run_runs(station: Station) -> None:
    """The bucket's boundary passed between two deliveries."""
    station.alert(firing(END))

    later = station.alert(firing(END + timedelta(minutes=30)))

    assert decisions(later) == ["waiting"]
    assert len(station.runs) == 1


def test_the_cooldown_holds(station: Station) -> None:
    """The run ended; drift is still there in the next window."""
    station.alert(firing(END))
    end_run(station, "Succeeded", {"gate": "fail"})
    station.world.later(hours=2)

    later = station.alert(firing(END + timedelta(hours=2)))

    assert decisions(later) == ["cooldown"]
    assert len(station.runs) == 1


def end_run(station: Station, phase: str, outcomes: dict[str, str] | None = None) -> None:
    """Let the newest run end."""
    ran = station.world.cluster.ran
    name = station.runs[-1]
    ran[name] = replace(ran[name], phase=phase, ended_at=station.world.now, outcomes=outcomes or {})


def test_a_failed_run_gets_its_next_attempts_and_no_more(station: Station) -> None:
    """Three in all, each after a rest, by looking alone."""
    station.alert(firing(END))
    for _ in range(5):
        end_run(station, "Failed")
        station.receiver.weigh_all()
        station.world.later(minutes=5)
        station.receiver.weigh_all()

    first = station.runs[0]

    assert station.runs == [first, f"{first}-2", f"{first}-3"]


def test_resolved_alerts_say_nothing(station: Station) -> None:
    """Neither do alerts about no service."""
    answer = station.alert(firing(END, status="resolved"), firing(END, labels={"alertname": "Watchdog"}))

    assert decisions(answer) == []
    assert station.runs == []


def test_an_alert_without_a_window_only_wakes(station: Station) -> None:
    """The time of receipt must not become a bucket."""
    answer = station.alert(firing(END, annotations={"summary": "something drifted"}))

    assert decisions(answer) == ["quiet"]
    assert station.runs == []


def test_an_alert_about_a_former_model_is_ignored(station: Station) -> None:
    """It was measured on another champion."""
    labels = firing(END)["labels"] | {"model": "f" * 12}

    assert decisions(station.alert(firing(END, labels=labels))) == ["ignored"]


def test_an_api_server_that_is_down_makes_the_sender_retry_and_then_once(station: Station) -> None:
    """5xx; the signal is kept already, and the second delivery starts the one run."""
    station.world.cluster.down = True
    refused = station.alert(firing(END))
    station.world.cluster.down = False

    answers = [station.alert(firing(END)) for _ in range(2)]

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert [decision for one in answers for decision in decisions(one)] == ["started", "known"]
    assert len(station.runs) == 1


def test_a_signal_that_was_kept_is_weighed_by_looking(station: Station) -> None:
    """Alertmanager never came back: the watch alone starts the run."""
    station.world.cluster.down = True
    station.alert(firing(END))
    station.world.cluster.down = False

    station.replica()
    station.receiver.beat()

    assert len(station.runs) == 1


def test_a_push_starts_a_run_of_its_commit(station: Station) -> None:
    """Once, by Gitea's, GitHub's and GitLab's words alike."""
    gitea, github = station.push(PUSH), station.push(PUSH, header="x-hub-signature-256")

    (order,) = station.world.cluster.orders

    assert (decisions(gitea), decisions(github)) == (["started"], ["known"])
    assert order.name == "ct-flights-dddddddddddd"
    assert order.parameters["revision"] == "d" * 40
    assert order.parameters["image"] == f"registry/flights:{'d' * 40}"
    assert "push of dddddddddddd: Mend features" in order.parameters["trigger"]


@pytest.mark.parametrize(
    "changes",
    [
        {"ref": "refs/heads/try"},
        {"ref": "refs/tags/v1"},
        {"after": "0" * 40},
        {"repository": {"full_name": "team/env"}},
        {"repository": {"full_name": "flights"}},
    ],
)
def test_other_pushes_start_nothing(station: Station, changes: dict[str, Any]) -> None:
    """Another branch, a tag, a deleted branch, another repository, a name that only ends alike."""
    assert decisions(station.push(PUSH | changes)) == []
    assert station.runs == []


def test_who_may_not_speak_hears_401(station: Station) -> None:
    """No token, another token, another secret: nothing is created."""
    answers = [
        station.client.post("/alerts", json={}),
        station.alert(firing(END), token="guessed"),
        station.client.post("/signals", json={}),
        station.client.post("/rollouts", json={}),
        station.push(PUSH, secret="guessed"),
        station.client.post("/push", json=PUSH),
    ]

    assert [401] * 6 == [answer.status_code for answer in answers]
    assert station.runs == []


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"version": "3", "alerts": []}', b'{"version": "4"}', b"\xff"])
def test_what_is_no_letter_hears_400(station: Station, body: bytes) -> None:
    """Malformed: nothing is created."""
    headers = {"authorization": "Bearer a-token-of-a-test"}

    answer = station.client.post("/alerts", content=body, headers=headers)

    assert answer.status_code == 400, answer.text
    assert station.runs == []


def test_a_window_that_is_no_moment_hears_400(station: Station) -> None:
    """The annotation is named by its value."""
    answer = station.alert(firing(END, annotations={"window_end": "yesterday"}))

    assert (answer.status_code, "yesterday" in answer.text) == (400, True)


def test_what_is_too_large_hears_413_before_it_is_read(station: Station) -> None:
    """By its announced length, and by what came when nothing was announced."""
    headers = {"authorization": "Bearer a-token-of-a-test"}

    announced = station.client.post("/alerts", content=b"{" + b" " * 2**23, headers=headers)
    streamed = station.client.post("/alerts", content=iter([b" " * 2**20] * 8), headers=headers)

    assert (announced.status_code, streamed.status_code) == (413, 413)


def test_an_event_source_sends_a_signal(station: Station) -> None:
    """`data` happens once: one is enough, whatever `windows` says."""
    window = {"start": (END - timedelta(days=1)).isoformat(), "end": END.isoformat()}
    signal = {"cause": "data", "rule": "partition", "window": window, "fired": True, "detail": "2026-03-01 is there"}
    headers = {"authorization": "Bearer a-token-of-a-test"}

    answer = station.client.post("/signals", json={"service": "flights", "signal": signal}, headers=headers)

    assert decisions(answer) == ["started"]


def test_a_notification_only_knocks(station: Station) -> None:
    """Its words are not read: what happened is looked up."""
    headers = {"authorization": "Bearer a-token-of-a-test"}

    answer = station.client.post("/rollouts", json={"text": "aborted"}, headers=headers)

    assert (answer.status_code, station.world.cluster.aborted) == (202, [])
    assert station.receiver._knocked.is_set()


def test_probes_and_metrics_need_no_token(station: Station) -> None:
    """Ready once it has looked."""
    before = station.client.get("/readyz").status_code
    station.receiver.beat()

    after = [station.client.get(path).status_code for path in ("/readyz", "/healthz")]

    assert (before, after) == (503, [200, 200])
    assert "headgate_last_look_seconds" in station.client.get("/metrics").text


def test_after_a_knock_it_looks_often_for_a_while(station: Station) -> None:
    """A merge is told of before the cluster follows: a way back should not wait for the usual look."""
    before = station.receiver.rest()

    station.client.post("/rollouts", json={}, headers={"authorization": f"Bearer {TOKEN}"})

    assert (before, station.receiver.rest()) == (10.0, 2.0)
