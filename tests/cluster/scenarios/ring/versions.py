"""Which model Git names, and what came of that: versions as people commit them, and a canary as it is followed."""

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from cluster.scenarios.ring.forge import ORGANISATION
from cluster.scenarios.ring.install import Installed
from cluster.scenarios.ring.journey import model_of, weight
from cluster.scenarios.ring.small import FEW, Small, pushed
from cluster.scenarios.ring.traffic import Traffic
from cluster.scenarios.ring.waiting import wait
from headgate.specs import environment as desired
from headgate.specs.reading import parse


def serving(**changes: str) -> str:
    """Return serving.yaml with a short canary plan that asks for errors alone; a busy machine is slow now and then."""
    plan = {
        "steps": "[25, 50]",
        "questions": "[errors]",
        "pause": "PT6S",
        "interval": "PT5S",
        "min_requests": "100",
        "deadline": "PT10M",
    } | changes
    return f"canary: {{{', '.join(f'{key}: {value}' for key, value in plan.items())}}}\n{FEW}"


@dataclass(frozen=True)
class Version:
    """A model as version.yaml names it, ready to be committed."""

    own: Small
    model: str
    text: str
    pull: dict[str, Any]

    @property
    def path(self) -> str:
        """Return where version.yaml is."""
        return f"env/{self.own.environment}/{self.own.name}/version.yaml"

    def named(self, env: Path, message: str) -> str:
        """Have main name it, by a person's commit, and return the commit."""
        return pushed(self.own.ring, env, {self.path: self.text}, message)


def proposed(own: Small, until: str) -> Version:
    """Train, judge and propose a model on this machine, and return what its pull request asks for."""
    pull = own.proposed(until)
    path = f"env/{own.environment}/{own.name}/version.yaml"
    place = f"repos/{ORGANISATION}/env/contents/{path}?ref={pull['head']['ref']}"
    content = own.ring.gitea.ask("GET", place)["content"]
    return Version(own, model_of(pull), base64.b64decode(content).decode(), pull)


def named_now(own: Small, env: Path) -> Version:
    """Return what main names."""
    text = (own.ring.gitea.checkout("env", env) / f"env/{own.environment}/{own.name}/version.yaml").read_text()
    return Version(own, parse(text, desired.Version, "version.yaml").model.sha256[:12], text, {})


@dataclass
class Followed:
    """A Rollout as it was seen from a moment on: its weight, its stable pods, whether its steps were skipped."""

    own: Small
    weights: list[int] = field(default_factory=list)
    skipped: bool = False

    def until(self, enough: Callable[[dict[str, Any]], object], what: str, seconds: float) -> float:
        """Look until a status is as wanted, and return the moment."""

        def seen() -> bool:
            status = self.own.status()
            self.skipped = self.skipped or bool(status.get("promoteFull"))
            self.weights += [weight(status)] if weight(status) not in self.weights[-1:] else []
            return bool(enough(status))

        wait(seen, what, seconds, partial(self.own.ring.cluster.look, self.own.space))
        return time.time()


def rests_on(own: Small, model: str) -> Callable[[dict[str, Any]], bool]:
    """Return whether all traffic is a model's, and nothing is under way."""

    def rests(status: dict[str, Any]) -> bool:
        return bool(status.get("phase") == "Healthy" and weight(status) == 0 and shown(own).startswith(model))

    return rests


def shown(own: Small) -> str:
    """Return the model that the Rollout bears as its mark."""
    return str(own.rollout()["metadata"]["annotations"].get("headgate.dev/model", ""))


def last_of(traffic: Traffic, model: str, since: float) -> float:
    """Return how many seconds after a moment a model gave its last answer; 0 when it gave none."""
    return max((one.at - since for one in traffic.answers if one.model == model and one.at > since), default=0.0)


def reverts(own: Small) -> list[dict[str, Any]]:
    """Return the pull requests that undo a failed canary of a service, newest first."""
    begins = f"revert/{own.environment}/{own.name}/"
    return [one for one in own.ring.gitea.pulls("env") if one["head"]["ref"].startswith(begins)]


def bans(own: Small, env: Path) -> str:
    """Return bans.yaml as main has it."""
    return (own.ring.gitea.checkout("env", env) / f"env/{own.environment}/{own.name}/bans.yaml").read_text()


def said_of(ring: Installed, commit: str) -> tuple[str, str]:
    """Return what the receiver says on a commit: the last status of its own."""
    found = ring.gitea.ask("GET", f"repos/{ORGANISATION}/env/commits/{commit}/statuses?limit=50&sort=recentupdate")
    own = [one for one in found if one["context"] == "headgate/canary"]
    newest = max(own, key=lambda one: one["id"], default={"status": "", "description": ""})
    return str(newest["status"]), str(newest["description"])
