"""What stands beside a champion when its server is started: a shadow that hurts nobody, a treatment that is proven."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from msgspec.structs import replace

from headgate.adapters.files import FileStore
from headgate.adapters.forges.gitdir import GitDir
from headgate.desired import initial
from headgate.errors import PermanentError
from headgate.local import supervise
from headgate.local.history import History
from headgate.local.launching import Servers
from headgate.names import Digest, Name, Uri
from headgate.records.change import Edit
from headgate.records.codec import decode, digest, encode
from headgate.records.judgement import Verdict
from headgate.records.live import Revision, Target
from headgate.serve.protocols.v2 import decode as decode_request
from headgate.serve.setup.observers import ShadowOptions
from headgate.serve.setup.preparing import prepare
from headgate.specs.writing import render_version
from unit.envrepo import VERSION
from unit.serve.running import rides, world
from unit.serve.second import second

VERDICT = decode((Path(__file__).parents[2] / "golden/records/verdict-1.json").read_bytes(), Verdict)
CODE = Digest("c" * 64)


class Rides:
    """An env repo of a service with a champion, a store that has it, and another model of the same service."""

    def __init__(self, folder: Path) -> None:
        self.made = world(folder)
        self.store = FileStore(folder / "store")
        self.store.put_folder(Uri(f"models/rides/{self.made.sha256}"), self.made.model)
        self.other_folder, self.other = second(self.made)
        self.forge = GitDir.create(folder / "env.git", initial(["prod"], "rides"), "headgate")
        self.servers = Servers(
            service_file=self.made.folder / "service.yaml",
            folder=folder / "servers",
            predictions=folder / "predictions",
            history=History(self.forge, Name("prod"), Name("rides")),
            store=self.store,
        )

    @property
    def place(self) -> dict[str, object]:
        return {"storageUri": f"models/rides/{self.other}", "sha256": self.other}

    def keep(self) -> None:
        """Put the other model into the store."""
        self.store.put_folder(Uri(f"models/rides/{self.other}"), self.other_folder)

    def judged(self, outcome: str = "pass") -> dict[str, object]:
        """Keep a verdict on the other model; return what serving.yaml says of it."""
        model = replace(VERDICT.model, sha256=self.other, code=CODE)
        made = replace(VERDICT, outcome=outcome, model=model, champion=Digest(self.made.sha256))
        self.store.put(Uri(f"evidence/{digest(made)}.json"), encode(made))
        proof = {"code": CODE, "verdict": digest(made), "replaces": self.made.sha256}
        return {"name": "colours", "key": "city", **self.place, **proof}

    def launch(self, **settings: object) -> supervise.Launch:
        """Return how the server of these settings is started, as Git says them."""
        sha256 = Digest(self.made.sha256)
        pin = replace(VERSION.model, name=Name("rides"), sha256=sha256)
        version = replace(VERSION, code=CODE, model=pin, storage_uri=f"models/rides/{sha256}")
        texts = {"version": render_version(version), "serving": yaml.safe_dump(settings)}
        edits = [Edit(path=f"env/prod/rides/{name}.yaml", text=text) for name, text in texts.items()]
        commit = self.forge.commit(edits, "By hand\n", self.forge.head())
        revision = Revision(model=sha256, settings=Digest("0" * 64), chart="0.1.0/0.1.0")
        return self.servers.launch(Target(commit=commit, revision=revision))


@pytest.fixture
def service(tmp_path: Path) -> Rides:
    """One that has a second model."""
    return Rides(tmp_path)


def test_a_shadow_is_started_with_its_digest_and_a_log_of_its_own(service: Rides) -> None:
    """Pairs of one champion and one shadow to a folder, so that a report finds no others there."""
    service.keep()

    words = service.launch(shadow={**service.place, "share": 0.25}).command

    place = service.store.folder(Uri(f"models/rides/{service.other}"))
    pairs = service.servers.predictions / "pairs" / f"{service.made.sha256[:12]}-{service.other[:12]}"
    said = f"--shadow-model {place} --shadow-sha256 {service.other} --shadow-share 0.25 --shadow-log {pairs}"
    assert said in " ".join(words)


def test_a_shadow_that_is_nowhere_hurts_nobody(service: Rides, capsys: pytest.CaptureFixture[str]) -> None:
    """Its server gets ready and answers; why there is no shadow is in its log."""
    words = dict(pairwise(service.launch(shadow=service.place).command))
    shadow = ShadowOptions(model=Path(words["--shadow-model"]), sha256=words["--shadow-sha256"])

    served = prepare(service.made.options(log_dir=None, shadow=shadow), service.made.sha256)

    scores = served.predictor.answer(served.door.admit(decode_request(json.dumps(rides(1)).encode())))
    served.background.stop()
    assert 1 == len(scores)
    assert "no shadow" in capsys.readouterr().err


def test_a_proven_treatment_answers_beside_the_champion(service: Rides) -> None:
    """By the key and the share that Git names."""
    service.keep()

    words = service.launch(experiment=service.judged()).command

    said = f"--experiment colours --experiment-key=city --experiment-share 0.5 --experiment-sha256 {service.other}"
    assert said in " ".join(words)


@pytest.mark.parametrize(("outcome", "said"), [("fail", "is fail, and it would"), ("inconclusive", "is inconclusive")])
def test_an_unproven_treatment_starts_no_server(service: Rides, outcome: str, said: str) -> None:
    """The canary of such settings ends before it begins; what runs goes on."""
    service.keep()

    with pytest.raises(PermanentError, match=said):
        service.launch(experiment=service.judged(outcome))


def test_what_the_lint_refuses_is_not_started_either(service: Rides) -> None:
    """Somebody may push past it."""
    sha256 = service.made.sha256

    with pytest.raises(PermanentError, match=r"serving\.yaml: shadow is model .* which is the champion"):
        service.launch(shadow={"storageUri": f"models/rides/{sha256}", "sha256": sha256})


def test_a_wait_for_the_disk_is_the_ring_s_own_unless_it_is_said(service: Rides) -> None:
    """The last word on the command line wins."""
    waits = [
        [after for word, after in pairwise(command) if word == "--flush-seconds"]
        for command in (service.launch().command, service.launch(log_flush_seconds=0.5).command)
    ]

    assert [["0"], ["0", "0.5"]] == waits


def test_a_pods_limit_is_no_limit_here(service: Rides) -> None:
    """Nobody sends these files: they are the log. A share of it is one everywhere."""
    command = service.launch(log_limit_mib=256, log_share=0.1).command

    assert ("--log-share", "0.1") in pairwise(command)
    assert "--log-limit-mib" not in command
