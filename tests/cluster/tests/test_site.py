"""Nothing about the machine is assumed free, and a process is known by more than its number."""

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from cluster import process, site
from cluster.network import kept_rules


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> site.Site:
    """Return a site on loopback."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return site.Site(folder=site.running(), network="127.0")


def test_a_taken_port_is_not_chosen(here: site.Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two ports the one that somebody listens on is passed over."""
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        ports = [taken.getsockname()[1], free.getsockname()[1]]
        free.close()
        monkeypatch.setattr(site, "PORTS", ports)

        assert here.port("one") == ports[1]


def test_what_was_chosen_is_there_for_the_next_command(here: site.Site) -> None:
    """Ports and passwords are kept, and the same name gets the same one."""
    port, password = here.port("one"), here.password("one")

    loaded = site.Site.load()

    assert (loaded.port("one"), loaded.password("one")) == (port, password)


def test_no_cluster_is_said_with_the_next_move(here: site.Site) -> None:
    """A test without a cluster says how to get one."""
    with pytest.raises(RuntimeError, match="next: make cluster"):
        site.Site.load()


def test_a_process_that_only_has_the_number_of_ours_is_left_alone(here: site.Site) -> None:
    """Process numbers are used again; what is ended is what was started."""
    here.save()
    ours = process.start("sleep", ["sleep", "60"])
    other = replace(ours, created=ours.created - 60)

    process.stop([other])

    assert ours.alive()
    process.stop([ours])
    assert not ours.alive()


def test_a_process_that_ends_at_once_tells_what_it_wrote(here: site.Site) -> None:
    """A wrong flag is read in the error, not searched for in a log."""
    here.save()
    started = process.start("sh", ["sh", "-c", "echo no such flag; exit 1"])

    with pytest.raises(RuntimeError, match="no such flag"):
        process.await_ready(started, lambda: False)


def test_a_killed_process_starts_again_with_the_same_command(here: site.Site) -> None:
    """A controller's crash is followed by its restart."""
    here.save()
    first = process.start("sleep", ["sleep", "60"])
    first.kill()

    second = process.processes()["sleep"].restart()

    assert (second.command, second.alive(), first.alive()) == (first.command, True, False)
    process.stop([second])


def test_a_killed_process_takes_along_what_it_started(here: site.Site) -> None:
    """A worker that outlived its server would hold the port when it starts again."""
    here.save()
    parent = process.start("parent", ["sh", "-c", "sleep 60 & echo $!; wait"])
    process.await_ready(parent, lambda: len(parent.family()) == 2)

    parent.kill()

    assert parent.family() == []


def test_a_process_inherits_nothing_of_who_starts_it(here: site.Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A controller that a test revives is the one that `make cluster` started."""
    here.save()
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    started = process.start("sh", ["sh", "-c", "echo PYTHONPATH=$PYTHONPATH ; exec sleep 60"])
    process.await_ready(started, lambda: "PYTHONPATH" in started.tail())

    process.stop([started])

    assert started.tail() == "PYTHONPATH="


def test_rules_of_others_stay() -> None:
    """Only lines that name Kubernetes', CNI's or our bridge's things are taken away."""
    rules = (
        "*nat\n:DOCKER - [0:0]\n:KUBE-SVC - [0:0]\n-A POSTROUTING -j CNI-1\n-A DOCKER -i docker0 -j RETURN\nCOMMIT\n"
    )

    assert kept_rules(rules) == "*nat\n:DOCKER - [0:0]\n-A DOCKER -i docker0 -j RETURN\nCOMMIT\n"
