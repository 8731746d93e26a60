"""What a workspace holds, so that two can be compared; clock times, latencies and what is made of them are masked."""

import json
import re
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pygit2

from headgate.adapters.forges.gitdir import GitDir
from headgate.records.codec import encode

WALL = re.compile(r"20(?:2[5-9]|[3-9]\d)-\d\d-\d\d[T ]\d\d:\d\d[\d:.]*(?:Z|\+00:00)?")
"""The journey's event time is 2020: what is later was read off a clock."""
LONG = re.compile(r"\b[0-9a-f]{64}\b")
COMMIT = re.compile(r"\b[0-9a-f]{40}\b")
STORED = re.compile(r"/[^\s\"']*/store/")
"""Where the workspace was when the registry was told."""
COUNTED = re.compile(r"answers (?:had|were)|\"(?:bad|share|low|high|stable_share|(?:canary_|stable_)?requests)\":")
NUMBER = re.compile(r"\d[\d.,e-]*|[\u2580-\u2593]+|null")
LATENCY = re.compile(
    r"""(p(?:50|99)(?:_ms|\ ms)?\\*"?[:=]?\ ?            # p99 1.2 ms, "p99_ms": 1.2
    | label\\*":\ \\*"p\d\d\ ms\\*",(?:\\n|\s)*\\*"value\\*":\  # a finding's number
    | p99\ latency,\ CPU\ ms\ \|\ -\ \|\ )                   # a row of a pull request's table
    [0-9.]+(?:e-\d+)?""",
    re.VERBOSE,
)
TIMED = re.compile(r"\d[\d.]* ms\b")
LOCKS = {".lock", "headgate.lock"}


def of(workspace: Path) -> dict[str, Any]:
    """Return everything that counts in a workspace."""
    mask = Mask(workspace)
    return {
        "env": references(workspace / "env.git", mask),
        "pull requests": pull_requests(workspace / "env.git", mask),
        "store": Counter(mask(path) for path in files(workspace / "store")),
        "records": contents(workspace / "store", "*.json", mask),
        "latest": contents(workspace / "latest", "*.json", mask),
        "runs": contents(workspace / "runs", "*.json", mask),
        "tracker": {kind: contents(workspace / "mlflow" / kind, "*.json", mask) for kind in ("runs", "models")},
        "registry": registry(workspace / "mlflow" / "mlflow.db", mask),
        "rings": contents(workspace / "ring", "rollout.json", mask),
        "left behind": left_behind(workspace),
    }


class Mask:
    """Replaces in texts what two runs of the same commands may differ in."""

    def __init__(self, workspace: Path) -> None:
        self.workspace = str(workspace)
        stored = [*(workspace / "store").glob("datasets/*/*"), *(workspace / "store").glob("models/*/*")]
        self.kept = {path.name for path in stored}
        self.evidence = [path.stem[:12] for path in (workspace / "store").glob("evidence/*.json")]
        self.commits: dict[str, str] = {}
        if (workspace / "env.git").exists():
            repo = pygit2.Repository(str(workspace / "env.git"))
            line = [str(commit.id) for commit in repo.walk(repo.references["refs/heads/main"].target)]
            self.commits = {commit[:12]: f"<main-{place}>" for place, commit in enumerate(reversed(line))}

    def __call__(self, text: str) -> str:
        text = STORED.sub("<store>/", text).replace(self.workspace, "<workspace>")
        text = LONG.sub(lambda found: found[0] if found[0] in self.kept else "<digest>", text)
        text = COMMIT.sub(lambda found: self.commits.get(found[0][:12], "<commit>"), text)
        for short, name in {**self.commits, **dict.fromkeys(self.evidence, "<evidence>")}.items():
            text = text.replace(short, name)
        text = LATENCY.sub(r"\1<ms>", WALL.sub("<wall>", text))
        return TIMED.sub("<ms>", text)


def uncounted(text: str) -> str:
    """Return text without what a canary happened to count: that differs from ride to ride."""
    return "".join(NUMBER.sub("<n>", line) if COUNTED.search(line) else line for line in text.splitlines(True))


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def contents(folder: Path, pattern: str, mask: Mask) -> dict[str, list[str]]:
    """Return masked file name → the masked texts of all files of that name."""
    found: dict[str, list[str]] = {}
    for path in sorted(folder.rglob(pattern)):
        if not path.name.startswith("."):
            found.setdefault(mask(str(path.relative_to(folder))), []).append(mask(path.read_text()))
    return {name: sorted(texts) for name, texts in found.items()}


def references(path: Path, mask: Mask) -> dict[str, Any]:
    """Return every reference but pull requests': a branch's or status's files, a tag's message."""
    if not path.exists():
        return {}
    repo = pygit2.Repository(str(path))
    found: dict[str, Any] = {}
    for name in repo.listall_references():
        if name.startswith("refs/pulls/"):
            continue
        kept = repo[repo.references[name].target]
        tree = kept.tree if isinstance(kept, pygit2.Commit) else kept.get_object().tree
        found[mask(name)] = {
            "says": mask(uncounted(kept.message or "")),
            "files": {mask(file): mask(uncounted(text)) for file, text in texts(tree).items()},
        }
    return found


def pull_requests(path: Path, mask: Mask) -> list[str]:
    """Return pull requests as the forge shows them: what is on main is merged, whoever was killed before saying so."""
    pulls = GitDir(path).pull_requests() if path.exists() else []
    return [mask(uncounted(encode(pull).decode())) for pull in pulls]


def texts(tree: pygit2.Tree, folder: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for item in tree:
        if isinstance(item, pygit2.Tree):
            found |= texts(item, f"{folder}{item.name}/")
        else:
            found[folder + str(item.name)] = item.data.decode()
    return found


def registry(database: Path, mask: Mask) -> dict[str, Any]:
    """Return MLflow's rows that people see: runs with what they bear, and model versions."""
    if not database.exists():
        return {}
    with closing(sqlite3.connect(database)) as opened:
        listed = opened.execute(
            "select run_uuid, name, status, artifact_uri from runs where lifecycle_stage = 'active'"
        )
        runs = {uuid: (name, status, uri) for uuid, name, status, uri in listed}
        found: dict[str, Any] = {"runs": sorted((name, status) for name, status, _ in runs.values())}
        found["documents"] = [contents(Path(uri.removeprefix("file://")), "*.*", mask) for _, _, uri in runs.values()]
        for table in ("params", "tags", "latest_metrics"):
            rows = opened.execute(f"select run_uuid, key, value from {table}")
            told = [mask(f"{runs[uuid][0]} {key} {value}") for uuid, key, value in rows if uuid in runs]
            found[table] = sorted(line for line in told if "latency" not in line and " mlflow." not in line)
        found["versions"] = [
            mask(str(row)) for row in opened.execute("select name, version, source from model_versions")
        ]
    return found


def left_behind(workspace: Path) -> list[str]:
    """Return what only a process under way may have: temporary files and folders.

    Not MLflow's own, in the folder of a run that was deleted as half told: `mlflow gc` removes that.
    """
    return sorted(
        str(path.relative_to(workspace))
        for path in workspace.rglob(".*")
        if path.name not in {*LOCKS, ".temps"} and not {"env.git", "artifacts"} & set(path.parts)
    )


def differences(one: Any, other: Any, place: str = "") -> list[str]:
    """Return where two standings differ, for a test to print."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted({*one, *other}, key=str)
        return [line for key in keys for line in differences(one.get(key), other.get(key), f"{place}/{key}")]
    if isinstance(one, str) and isinstance(other, str) and one != other:
        at = next((at for at, (calm, killed) in enumerate(zip(one, other, strict=False)) if calm != killed), 0)
        near = slice(max(0, at - 150), at + 150)
        return [f"{place}:\n  calm   …{one[near]!r}\n  killed …{other[near]!r}"]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [line for calm, killed in zip(one, other, strict=True) for line in differences(calm, killed, place)]
    return [] if one == other else [f"{place}:\n  calm   {brief(one)}\n  killed {brief(other)}"]


def brief(found: Any) -> str:
    return json.dumps(found, default=str)[:500]
