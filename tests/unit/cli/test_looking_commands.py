"""What is live, why, and the same model in a notebook."""

import fcntl
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

import headgate
from headgate.cli.status import Status
from headgate.cli.wiring import open_project
from headgate.errors import PermanentError, UsageError
from headgate.records.live import RolloutState, Target
from unit.cli.terminal import Terminal, orders


def test_status_says_what_is_live_and_what_is_open(live: Terminal) -> None:
    """A row for each service and environment."""
    said = live("status")

    assert 0 == said.code
    assert "orders" in said.out
    assert "live" in said.out


def test_status_of_a_merged_model_that_nobody_serves(proposed: Terminal) -> None:
    """It is on its way."""
    proposed("pr", "merge", 1)

    assert "on its way" in proposed("status").out


def test_status_names_a_run_that_was_interrupted(live: Terminal) -> None:
    """The same command goes on with it; a run under way hangs nowhere."""
    folder = live.folder / ".headgate" / "runs" / "ct-orders-abc"
    folder.mkdir(parents=True)
    (folder / ".train.0123").touch()
    (folder / ".lock").touch()

    hanging = live("status").out
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        running = live("status").out

    assert "run ct-orders-abc was interrupted" in hanging
    assert "ct-orders-abc" not in running


def test_status_names_a_model_that_the_store_lost(live: Terminal) -> None:
    """Main names it, and no server could start."""
    project = open_project(live.folder / "service.yaml", None)
    champion = project.live(None).champion
    assert champion is not None
    (project.store.folder(champion.uri) / "manifest.json").unlink()

    assert "is not in the store" in live("status").out


def test_status_names_a_canary_that_nobody_judges(live: Terminal) -> None:
    """Its ring is not up."""
    project = open_project(live.folder / "service.yaml", None)
    tag = project.live(None).tags[-1]
    state = RolloutState(
        environment="prod", service="orders", canary=Target(commit=tag.commit, revision=tag.revision), step=1
    )
    folder = live.folder / ".headgate" / "ring" / "prod" / "orders"
    folder.mkdir(parents=True)
    (folder / "rollout.json").write_bytes(msgspec.json.encode(state))

    found = msgspec.json.decode(live("status", "--output", "json").out, type=Status)

    assert "at step 2" in found.canaries[0]
    assert any("waits: `headgate up`" in one for one in found.hanging)


def test_why_answers_from_git(live: Terminal) -> None:
    """Which model, who merged it, how to undo it."""
    said = live("why", "orders")

    assert "orders in prod" in said.out
    assert "by ann" in said.out
    assert "undo      git revert -m 1" in said.out


def test_the_undo_of_a_first_model_can_be_typed(live: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `why` prints it, in a clone of the env repo: main then names no model."""
    undo = live("why").out.partition("undo      ")[2].partition(" in a clone")[0]
    env, clone = live.folder / ".headgate" / "env.git", live.folder / "clone"
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "ann")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "ann@example.org")
    subprocess.run(["git", "clone", "--quiet", str(env), str(clone)], check=True)

    subprocess.run([*undo.split(), "--no-edit"], cwd=clone, check=True, capture_output=True)
    subprocess.run(["git", "push", "--quiet"], cwd=clone, check=True, capture_output=True)

    named = open_project(live.folder / "service.yaml", None).live(None).desired.version("prod", "orders")
    assert named is None


def test_why_counts_no_days_from_a_replay_until_today(live: Terminal) -> None:
    """The year 2013 is not 4,863 days of being live; elsewhere the time until now is said."""
    now = live("why").out.partition("\n")[0]
    (live.folder / ".headgate" / ".demo").touch()
    replayed = live("why").out.partition("\n")[0]

    assert now.endswith((" seconds)", " second)", " minute)"))
    assert replayed == now.partition(" (")[0]


def test_why_of_another_service_says_whose_file_this_is(live: Terminal) -> None:
    """One file describes one service."""
    said = live("why", "flights")

    assert 2 == said.code
    assert "describes 'orders', not 'flights'" in said.err


def test_drift_before_anything_is_live_says_so(proposed: Terminal) -> None:
    """There is no champion to compare with."""
    said = proposed("drift")

    assert 1 == said.code
    assert "nothing is live in prod" in said.err


def test_a_notebook_loads_the_live_model(live: Terminal) -> None:
    """Raw rows in, probabilities and labels out, better than chance."""
    rows = orders(500, seed=9)

    answers = headgate.load("orders@prod").predict(rows)

    assert ["probability", "label"] == answers.columns
    right = (answers["label"].cast(pl.Int64) == rows["late"]).mean()
    assert right is not None
    assert right > 0.7  # type: ignore[operator]


def test_it_answers_as_the_server_does(live: Terminal) -> None:
    """The label is no input, other orders of columns are the same rows."""
    rows = orders(50, seed=9)
    model = headgate.load("orders@prod")

    turned = model.predict(rows.drop("late").select(reversed(rows.drop("late").columns)))

    np.testing.assert_array_equal(model.predict(rows)["probability"], turned["probability"])


@pytest.mark.parametrize(
    ("name", "error", "kind"),
    [
        ("orders", "is not `service@environment`", UsageError),
        ("flights@prod", "describes 'orders', not 'flights'", PermanentError),
        ("orders@stage", "no environment 'stage'", PermanentError),
    ],
)
def test_a_name_that_is_none_is_refused(live: Terminal, name: str, error: str, kind: type[Exception]) -> None:
    """With what it should be."""
    with pytest.raises(kind, match=error):
        headgate.load(name)


def test_nothing_live_is_nothing_to_load(proposed: Terminal) -> None:
    """A merged model that no server showed to be healthy is not live."""
    proposed("pr", "merge", 1)

    with pytest.raises(PermanentError, match="nothing is live as 'orders@prod'"):
        headgate.load("orders@prod")


def test_a_model_that_was_changed_is_not_loaded(live: Terminal) -> None:
    """The digest in Git is the truth."""
    project = open_project(live.folder / "service.yaml", None)
    champion = project.live(None).champion
    assert champion is not None
    with (project.store.folder(champion.uri) / "model.onnx").open("ab") as file:
        file.write(b"x")

    with pytest.raises(PermanentError):
        headgate.load("orders@prod")


def test_importing_headgate_loads_nothing_else() -> None:
    """A notebook that imports it waits for nothing."""
    code = "import sys; before = set(sys.modules); import headgate; print(len(set(sys.modules) - before))"

    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert int(ended.stdout) < 15


def test_a_stale_generated_file_fails_the_check(terminal: Terminal) -> None:
    """What was rendered and is as it was, is not named."""
    (terminal.folder / "pyproject.toml").touch()
    shutil.copytree(Path(__file__).parents[3] / "serving", terminal.folder / "serving")
    made = terminal("render")
    (terminal.folder / "docs" / "policies.md").write_text("by hand")
    stale = terminal("render", "--check")

    assert (0, 1) == (made.code, stale.code)
    assert "1 of" in stale.err
    assert "docs/policies.md" in stale.err
    assert "next: make render" in stale.err
