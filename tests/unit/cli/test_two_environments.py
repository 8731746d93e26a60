"""A model goes from one environment to the next through the local ring, when it has soaked there."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from headgate.cli.ringing import ring_of
from headgate.cli.wiring import open_project
from headgate.names import Name
from headgate.records.change import Edit
from unit.cli.terminal import Terminal, orders

ORDER = "environments: [{name: dev}, {name: prod, after: dev, soak: P2D}]\n"


@pytest.fixture
def two(terminal: Terminal) -> Terminal:
    """A service of two environments; what is live in dev is judged for prod two days later."""
    orders().write_csv(terminal.folder / "orders.csv")
    terminal("init", "--data", "orders.csv", "--label", "late", "--environments", "dev,prod")
    forge = open_project(terminal.folder / "service.yaml", None).forge
    forge.commit([Edit(path="promotion.yaml", text=ORDER)], "Soak\n", forge.head())
    return terminal


def ride(terminal: Terminal, environment: str) -> str:
    """Run the local ring until it has settled; return the model that it serves."""

    async def run() -> str:
        ring = ring_of(open_project(terminal.folder / "service.yaml", None), Name(environment), lambda *_: None)
        async with ring.running():
            while ring.state.stable is None:
                await asyncio.sleep(0.05)
            await ring.settled()
            return str(ring.state.stable.revision.model)

    return asyncio.run(run())


def judge_for_prod(terminal: Terminal) -> None:
    for verb in ("evaluate", "gate"):
        assert terminal(verb, "--environment", "prod").code == 0


def test_a_model_goes_to_prod_when_it_has_soaked_in_dev(two: Terminal) -> None:
    """Refused before it is live in dev, refused while it soaks, then asked for, merged and served."""
    two.pipeline()
    judge_for_prod(two)
    unproven = two("propose", "-e", "prod").out
    two("pr", "merge", 1)
    served = ride(two, "dev")
    soaking = two("propose", "-e", "prod").out
    later = datetime.now(UTC) + timedelta(days=2, hours=1)
    soaked = two("propose", "-e", "prod", "--as-of", later.isoformat()).out
    again = two("pr", "show", 2).out
    two("pr", "merge", 2)

    assert "was not live in dev yet" in unproven
    assert "soaks in dev until" in soaking
    assert "pull request #2 open: orders → prod" in soaked
    assert " --environment prod`" in again.partition("Judge again: `headgate gate")[2].partition("\n")[0]
    assert served == ride(two, "prod")
