"""Thirty-two promotions race on one env repo: a branch each, a file each, one push each."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import pytest

from fakes.faults import faulty
from fakes.forges import EACH, FORGES, Servers, hosted
from headgate.adapters.forges.hosted import Hosted
from headgate.errors import HeadgateError
from headgate.names import Commit, Name
from headgate.ports import Forge
from headgate.records.change import Edit, Proposal, PullRequest

Found = TypeVar("Found")
RACERS = 32
FIRST = [Edit(path="promotion.yaml", text="environments: []\n")]
PUSH = r"^POST .*/git-receive-pack"


def proposal(base: Commit, service: str) -> Proposal:
    return Proposal(
        purpose="promote",
        service=Name(service),
        environment=Name("prod"),
        base=base,
        branch=f"promote/prod/{service}/aaaaaaaaaaaa-1",
        title=f"{service} → prod: PASS",
        body="words\n",
        edits=(Edit(path=f"env/prod/{service}/version.yaml", text=f"model: {service}\n"),),
    )


@pytest.mark.parametrize("name", ["github", pytest.param("gitea", marks=pytest.mark.full)])
def test_promotions_of_many_services_do_not_wait_for_each_other(name: str, servers: Servers, tmp_path: Path) -> None:
    """Each in a process's own mirror; then they merge without a conflict."""
    with FORGES[name](servers, tmp_path / "direct", FIRST) as where:
        vendor, _, rest = where.url.partition("+")
        parts = urlsplit(rest)
        with faulty(f"{parts.scheme}://{parts.netloc}") as (faults, url):
            racers = [
                hosted(f"{vendor}+{url}{parts.path}", where.secret, tmp_path / str(number), answer_seconds=60.0).forge
                for number in range(RACERS)
            ]
            base = where.forge.head()
            assert base is not None

            opened = together(racers, lambda forge, number: forge.open(proposal(base, f"service-{number}")))

            assert [pull.state for pull in opened] == ["open"] * RACERS
            assert faults.count(PUSH) == RACERS
            assert len({pull.number for pull in where.forge.pull_requests()}) == RACERS

            merged = [where.forge.merge(pull.number, "reviewer") for pull in opened[::4]]

    assert {pull.state for pull in merged} == {"merged"}


@pytest.mark.parametrize("name", [name for name in EACH if name != "gitdir"])
def test_of_writers_onto_main_one_wins_and_the_others_are_told(name: str, servers: Servers, tmp_path: Path) -> None:
    """A push is a compare-and-swap: no commit is lost, none is made twice."""
    with FORGES[name](servers, tmp_path / "direct", FIRST) as where:
        racers = [hosted(where.url, where.secret, tmp_path / str(number)).forge for number in range(4)]
        base = where.forge.head()
        errors: list[HeadgateError] = []

        def write(forge: Forge, number: int) -> Commit | None:
            try:
                return forge.commit([Edit(path="same", text=str(number))], f"Writer {number}", base)
            except HeadgateError as err:
                errors.append(err)
                return None

        found = [commit for commit in together(racers, write) if commit]

        assert [type(err).__name__ for err in errors] == ["MovedError"] * 3
        assert found == [hosted(where.url, where.secret, tmp_path / "afterwards").forge.head()]


@pytest.mark.parametrize("name", EACH)
def test_the_same_proposal_opened_by_many_is_one_pull_request(name: str, servers: Servers, tmp_path: Path) -> None:
    """Two replicas that see the same failed canary open one revert."""
    with FORGES[name](servers, tmp_path / "direct", FIRST) as where:
        base = where.forge.head()
        assert base is not None
        racers = [
            hosted(where.url, where.secret, tmp_path / str(number)).forge if where.url else where.forge
            for number in range(4)
        ]

        def open_until_told(forge: Forge, _: int) -> PullRequest:
            for _try in range(9):  # MovedError is exit 75: the engine asks again
                try:
                    return forge.open(proposal(base, "flights"))
                except HeadgateError as err:
                    if err.exit_code != 75:
                        raise
            raise AssertionError("never opened")

        opened = together(racers, open_until_told)

        assert {(pull.number, pull.head) for pull in opened} == {(1, opened[0].head)}
        assert len(where.forge.pull_requests()) == 1
        if isinstance(where.forge, Hosted):
            assert len(list(where.forge.pulls.listed_pulls(None))) == 1


def together(racers: list[Forge], act: Callable[[Forge, int], Found]) -> list[Found]:
    """Let each racer act at the same moment, in a thread of its own."""
    start = threading.Barrier(len(racers))

    def begun(forge: Forge, number: int) -> Found:
        start.wait(60)
        return act(forge, number)

    with ThreadPoolExecutor(len(racers)) as pool:
        return list(pool.map(begun, racers, range(len(racers))))
