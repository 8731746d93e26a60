"""`headgate retire`: the only way in which a service ends."""

from pathlib import Path

import pytest
import yaml

from headgate.cli.wiring import open_project
from headgate.desired import file_path
from headgate.local.history import History
from headgate.local.reconcile import plan
from headgate.names import Name
from headgate.records.change import Edit
from headgate.records.live import RolloutState
from headgate.specs.environment import App
from headgate.specs.reading import parse
from headgate.specs.writing import FIRST_APP
from unit.chart.rendering import edited, one, rendered
from unit.cli.terminal import Terminal

ASKED = ("retire", "orders", "-e", "prod", "--reason", "nobody asks @it any more")


def main_of(terminal: Terminal) -> History:
    """Return what the ring reads of main."""
    forge = open_project(terminal.folder / "service.yaml", None).forge
    return History(forge, Name("prod"), Name("orders"))


@pytest.mark.parametrize("wrong", ["", "  "])
def test_it_needs_a_reason(live: Terminal, wrong: str) -> None:
    """It stays in Git as long as the repository does."""
    said = live("retire", "orders", "-e", "prod", "--reason", wrong)

    assert (1, True) == (said.code, "for a reason" in said.err)


def test_an_environment_that_is_none_is_named(live: Terminal) -> None:
    """With those there are."""
    said = live("retire", "orders", "-e", "staging", "--reason", "x")

    assert said.code == 1
    assert "no environment 'staging'" in said.err


def test_it_is_a_pull_request_of_one_file(live: Terminal) -> None:
    """Nothing ends before it is merged; the reviewer reads what will."""
    said = live(*ASKED)

    assert said.code == 0, said.err
    assert "#2 open: orders → prod: RETIRE" in said.out
    assert main_of(live).wanted() is not None
    body = live("pr", "show", 2).out
    assert "its answers end" in body
    assert "@it" not in body


def test_asked_again_it_is_the_same_request(live: Terminal) -> None:
    """And once merged there is nothing to ask for."""
    live(*ASKED)

    again = live(*ASKED).out
    live("pr", "merge", 2, "--by", "ann")
    after = live(*ASKED).out

    assert "is open as pull request #2" in again
    assert "orders is retired in prod since" in after


def test_merged_the_ring_serves_it_no_more(live: Terminal) -> None:
    """What a Rollout of main would be is nothing; the file keeps its comments."""
    history = main_of(live)
    stable = history.wanted()
    live(*ASKED)

    live("pr", "merge", 2, "--by", "ann")

    text = history.forge.read(file_path("prod", "orders", "app.yaml"), history.forge.head() or "") or ""  # type: ignore[arg-type]
    move = plan(history.wanted(), RolloutState(service=Name("orders"), environment=Name("prod"), stable=stable))
    assert move.kind == "retire"
    assert text.startswith("# Which chart")
    retired = parse(text, App, "app.yaml").retired
    assert retired is not None
    assert retired.reason == "nobody asks @it any more"


def test_reverted_it_serves_what_was_live(live: Terminal) -> None:
    """The model was never forgotten."""
    before = main_of(live).wanted()
    live(*ASKED)
    live("pr", "merge", 2, "--by", "ann")
    forge = main_of(live).forge
    path = file_path("prod", "orders", "app.yaml")

    forge.commit([Edit(path=path, text=FIRST_APP)], "back", forge.head())

    after = main_of(live).wanted()
    assert before is not None
    assert after is not None
    assert before.revision == after.revision


def test_a_retired_service_is_proposed_no_model(live: Terminal) -> None:
    """A run that began before ends without a pull request."""
    live(*ASKED)
    live("pr", "merge", 2, "--by", "ann")

    said = live("propose")

    assert "orders is retired in prod: nobody asks" in said.out


RETIRED = {"app.yaml": {"retired": {"reason": "moved: to orders", "at": "2026-11-21T16:00:00Z"}}}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("profile", ["kserve-traefik", "fastapi-traefik"])
def test_the_chart_keeps_only_a_stone(profile: str, tmp_path: Path) -> None:
    """One object must stay, or Argo CD, which may not prune everything, would prune nothing."""
    folder = edited(tmp_path, profile, RETIRED)

    objects = rendered(folder)

    assert [found["kind"] for found in objects] == ["ConfigMap"]
    assert one(objects, "ConfigMap", "flights-retired")["data"]["reason"] == "moved: to orders"
    assert yaml.safe_load((folder / "version.yaml").read_text())["storageUri"]
