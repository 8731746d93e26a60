"""A small service of a scenario's own: made-up rows, a model within seconds, a folder in the env repo."""

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.scenarios.ring.forge import ORGANISATION
from cluster.scenarios.ring.install import MODELS, ROOT, Installed
from cluster.scenarios.ring.journey import model_of
from cluster.scenarios.ring.waiting import wait

PUMPS = ROOT / "tests" / "ring" / "pumps"
FIRST, SECOND = "2020-02-21T12:00", "2020-04-28T12:00"
"""The rows up to a day make a model; the second one is much better than the first on the days before it."""
ROWS = {"at": "BYTES", "pump": "BYTES", "pressure": "FP64", "heat": "FP64", "oil": "BYTES"}
ROW: dict[str, object] = {"at": "2020-02-01T00:30:00", "pump": "p01", "pressure": 5.1, "heat": 61.5, "oil": "light"}
QUICK = "canary: {steps: [25, 50], pause: PT6S, interval: PT5S, min_requests: 100, deadline: PT10M, warm: PT30S}\n"
FEW = "resources: {cpu: 50m, memory: 384Mi}\n"
REFRESH = "argocd.argoproj.io/application-set-refresh"
"""The annotation that the ApplicationSet controller takes away when it has looked."""
APP = "chart: 0.1.0\nruntime: 0.1.0\n"


@dataclass(frozen=True)
class Small:
    """One service, its code in a folder of this machine, as a data scientist has it."""

    ring: Installed
    name: str
    folder: Path
    environment: str = "prod"
    space: str = MODELS

    @property
    def host(self) -> str:
        """Return the service's name at the router."""
        return f"{self.name}.{self.space}.example.test"

    @property
    def path(self) -> str:
        """Return where it is asked."""
        return f"/v2/models/{self.name}/infer"

    def files(self, app: str = APP, serving: str = QUICK + FEW) -> dict[str, str]:
        """Return its first files in the env repo."""
        here = f"env/{self.environment}/{self.name}"
        return {f"{here}/app.yaml": app, f"{here}/serving.yaml": serving, f"{here}/bans.yaml": "bans: []\n"}

    def code(self) -> Path:
        """Write its code: the pumps under its own name."""
        shutil.copytree(PUMPS, self.folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        spec = self.folder / "service.yaml"
        spec.write_text(spec.read_text().replace("service: pumps\n", f"service: {self.name}\n"))
        return self.folder

    def headgate(self, *words: str, fine: Sequence[int] = (0,)) -> str:
        """Return what a command of this machine says of the cluster's store and forge."""
        return headgate(self.ring, *words, folder=self.folder, fine=fine)

    def proposed(self, until: str) -> dict[str, Any]:
        """Train, judge and propose a model here, and return its pull request."""
        known = {one["number"] for one in self.ring.gitea.pulls("env")}
        self.headgate("run", "--as-of", until, "--environment", self.environment)
        [pull] = [one for one in self.ring.gitea.pulls("env") if one["number"] not in known]
        return pull

    def rollout(self) -> dict[str, Any]:
        """Return its Rollout, empty where there is none."""
        found = self.ring.cluster.get("-n", self.space, "rollouts", f"--field-selector=metadata.name={self.name}")
        return dict(found["items"][0]) if found["items"] else {}

    def status(self) -> dict[str, Any]:
        """Return its Rollout's status, empty where there is none."""
        return dict(self.rollout().get("status", {}))

    def is_live(self, number: int) -> bool:
        """Say whether it came to rest, and a tag says so."""
        return self.status().get("phase") == "Healthy" and self.tag("live", number) in self.ring.gitea.tags("env")

    def tag(self, outcome: str, number: int) -> str:
        """Return a tag's name."""
        return f"{outcome}/{self.environment}/{self.name}/{number}"

    def first(self) -> str:
        """Make its first model live, and return the model's first twelve characters."""
        pull = self.proposed(FIRST)
        self.ring.gitea.merge("env", pull["number"])
        wait(lambda: self.is_live(1), f"{self.name} to be live", 180, lambda: self.ring.cluster.look(self.space))
        return model_of(pull)

    def application(self) -> dict[str, Any]:
        """Return its Application, empty where there is none."""
        chosen = f"--field-selector=metadata.name={self.environment}-{self.name}"
        found = self.ring.cluster.get("-n", "argocd", "applications", chosen)
        return dict(found["items"][0]) if found["items"] else {}

    def retire(self) -> int:
        """Ask for its end, as a person does, and return the pull request's number."""
        self.headgate("retire", self.name, "-e", self.environment, "--reason", "the scenario is over")
        [pull] = [one for one in self.ring.gitea.pulls("env") if one["head"]["ref"] == self.ending]
        return int(pull["number"])

    @property
    def ending(self) -> str:
        """Return the branch of its retirement."""
        return f"retire/{self.environment}/{self.name}/1"

    def end(self, checkout: Path) -> None:
        """Leave nothing of it but history, however far a scenario came."""
        cluster, gitea = self.ring.cluster, self.ring.gitea
        if self.rollout():
            gitea.merge("env", self.retire())
            wait(lambda: not self.rollout(), f"{self.name} to end", 120, lambda: cluster.look(self.space))
        gitea.checkout("env", checkout)
        shutil.rmtree(checkout / "env" / self.environment / self.name, ignore_errors=True)
        gitea.push(checkout, "env", f"Forget {self.name}")
        look_again(self.ring, self.environment)
        name = f"{self.environment}-{self.name}"
        cluster.kubectl("-n", "argocd", "delete", "application", name, "--ignore-not-found")
        cluster.kubectl("-n", self.space, "delete", "configmap", f"{self.name}-retired", "--ignore-not-found")


def written(env: Path, files: dict[str, str]) -> None:
    """Write files into a checkout."""
    for path, text in files.items():
        (env / path).parent.mkdir(parents=True, exist_ok=True)
        (env / path).write_text(text)


def pushed(ring: Installed, env: Path, files: dict[str, str], message: str) -> str:
    """Commit files onto main, as people do, and return the commit."""
    ring.gitea.checkout("env", env)
    written(env, files)
    return ring.gitea.push(env, "env", message)


def a_row() -> bytes:
    """Return a V2 request of one pump."""
    inputs = [{"name": name, "shape": [1], "datatype": kind, "data": [ROW[name]]} for name, kind in ROWS.items()]
    return json.dumps({"inputs": inputs}).encode()


def knock(ring: Installed, environment: str) -> None:
    """Have an ApplicationSet read the env repo now; it keeps the annotation while it cannot read all of it."""
    named = ("-n", "argocd", "applicationset", f"headgate-{environment}")
    ring.cluster.kubectl("annotate", *named, f"{REFRESH}={secrets.token_hex(4)}", "--overwrite")


def look_again(ring: Installed, environment: str) -> None:
    """Have an ApplicationSet read the env repo now, and wait until it has."""
    knock(ring, environment)

    def looked() -> bool:
        found = ring.cluster.get("-n", "argocd", "applicationset", f"headgate-{environment}")
        return REFRESH not in found["metadata"].get("annotations", {})

    wait(looked, f"the ApplicationSet of {environment} to look", 60)


def headgate(ring: Installed, *words: str, folder: Path, fine: Sequence[int] = (0,)) -> str:
    """Return what `headgate` prints to a person of this machine who has a promoter's token."""
    token = folder.parent / f"{folder.name}.token"
    if not token.exists():
        token.write_text(ring.gitea.user("promoter", "write", "env"))
    given = {
        "HEADGATE_STORE": "s3://headgate",
        "HEADGATE_FORGE": f"gitea+{ring.cluster.url('gitea')}/{ORGANISATION}/env",
        "HEADGATE_FORGE_TOKEN_FILE": str(token),
        "HEADGATE_TRACKER": "files",
        "HEADGATE_WORKSPACE": str(folder.parent / f"{folder.name}.workspace"),
        "AWS_ENDPOINT_URL": ring.cluster.url("s3"),
        "AWS_ACCESS_KEY_ID": "headgate",
        "AWS_SECRET_ACCESS_KEY": ring.cluster.password("s3"),
        "AWS_REGION": "us-east-1",
        "PATH": f"{Path(ring.cluster.helm()).parent}:{os.environ['PATH']}",
    }
    command = [sys.executable, "-m", "headgate", *words]
    done = subprocess.run(
        command, cwd=folder, env=os.environ | given, capture_output=True, text=True, check=False, timeout=300
    )
    if done.returncode not in fine:
        raise RuntimeError(f"headgate {' '.join(words)} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr
