"""What keeps an edit of the env repo from being merged? Its CI asks, and the local forge before each merge."""

from collections.abc import Callable, Iterator, Mapping

from msgspec import Struct

from headgate.desired import PROMOTION, Desired, parse
from headgate.errors import PermanentError
from headgate.names import name, short
from headgate.second_model import objections
from headgate.specs.environment import App, Bans, Serving, Version
from headgate.specs.reading import Spec

KINDS: dict[str, type[Spec]] = {"app.yaml": App, "serving.yaml": Serving, "version.yaml": Version, "bans.yaml": Bans}
MEND = "mend it, then `headgate env lint`"


class Problem(Struct, frozen=True):
    """One thing that keeps an edit of the env repo from being merged."""

    path: str
    message: str
    next_step: str = MEND

    def line(self) -> str:
        """Return what a person reads: `file: reason; next: …`."""
        said = self.message.removeprefix(f"{self.path}: ")
        where = "" if said.startswith(self.path) else f"{self.path}: "  # a parser names file and line itself
        return f"{where}{said}; next: {self.next_step}"


def lint(desired: Desired) -> list[Problem]:
    """Return every problem of an env repo, by path."""
    problems = [problem for path in desired.texts if (problem := file_problem(desired, path))]
    if not any(problem.path == PROMOTION for problem in problems):
        problems += order_problems(desired)
    return sorted(problems, key=lambda problem: (problem.path, problem.message))


def added(before: Mapping[str, str], after: Mapping[str, str]) -> list[Problem]:
    """Return the problems that a change brings: those that were there bar nobody's way out."""
    known = lint(parse(before))
    return [problem for problem in lint(parse(after)) if problem not in known]


def file_problem(desired: Desired, path: str) -> Problem | None:
    """Return what is wrong with one file, None when nothing is or when it is not Headgate's."""
    folders = path.split("/")
    if path == PROMOTION:
        return refusal(path, desired.order)
    if folders[0] != "env":
        return None
    if len(folders) == 3 and folders[2] == "environment.yaml":
        return refusal(path, lambda: (name(folders[1], "environment"), desired.environment(folders[1])))
    if len(folders) != 4 or folders[3] not in KINDS:
        known = ", ".join(KINDS)
        return Problem(
            path, f"is not a file Headgate knows; a service's files are {known}", "rename it, or move it out of env/"
        )
    return refusal(path, lambda: desired.file(path, KINDS[folders[3]])) or service_problem(desired, path)


def service_problem(desired: Desired, path: str) -> Problem | None:
    """Return what is wrong between a service's version.yaml and its neighbours."""
    _, environment, service, file = path.split("/")
    if problem := refusal(path, lambda: (name(environment, "environment"), name(service, "service"))):
        return problem
    if file == "serving.yaml":
        return second_problem(desired, path)
    version = desired.version(environment, service) if file == "version.yaml" else None
    if version is None:
        return None
    if version.model.name != service:
        return Problem(
            path,
            f"names a model of {version.model.name!r}, expected one of {service!r}",
            f"write version.yaml by `headgate propose` for {service!r}",
        )
    if version.model.sha256 not in version.storage_uri:
        return Problem(
            path,
            f"storageUri {version.storage_uri[:80]!r} does not contain the model's sha256, so it could change",
            "name a place whose path bears the digest, as `headgate propose` does",
        )
    if refusal(path, lambda: (desired.bans(environment, service), desired.settings(environment, service))):
        return None  # said of that file itself
    ban = desired.ban(environment, service, version.model.sha256, desired.settings(environment, service))
    if ban is None:
        return None
    return Problem(
        path,
        f"names a model that is banned with these settings: {ban.reason[:200]}",
        "propose another model or other settings, or lift the ban: `headgate unban`",
    )


def second_problem(desired: Desired, path: str) -> Problem | None:
    """Return what is wrong between serving.yaml's shadow or experiment and the service's other files."""
    _, environment, service, _ = path.split("/")
    if refusal(path, lambda: (desired.version(environment, service), desired.bans(environment, service))):
        return None  # said of that file itself
    serving = desired.serving(environment, service)
    for objection in objections(serving, desired.version(environment, service), service):
        return Problem(path, objection.message, objection.next_step)
    treatment = serving.experiment.sha256 if serving.experiment else None
    ban = next((ban for ban in desired.bans(environment, service) if ban.model == treatment), None)
    if ban is None:
        return None
    return Problem(
        path,
        f"experiment answers people by model {short(ban.model)}, which is banned: {ban.reason[:200]}",
        "name another model, or lift the ban: `headgate unban`",
    )


def order_problems(desired: Desired) -> Iterator[Problem]:
    """Yield what is wrong between promotion.yaml and the folders."""
    if PROMOTION not in desired.texts:
        yield Problem(PROMOTION, "is missing", "`headgate init` writes one; name every folder of env/ in it")
        return
    seen: set[str] = set()
    for order in desired.order():
        if order.name in seen:
            yield Problem(PROMOTION, f"names environment {order.name!r} twice", "name it once")
        if order.after is not None and order.after not in seen:
            yield Problem(
                PROMOTION,
                f"environment {order.name!r} comes after {order.after!r}, which is not above it",
                f"write {order.after!r} above it, or correct `after`",
            )
        seen.add(order.name)
    folders = {path.split("/")[1] for path in desired.texts if path.startswith("env/") and path.count("/") > 1}
    for folder in sorted(folders - seen):
        yield Problem(PROMOTION, f"does not name env/{folder[:60]}/", "add it to `environments`, or remove the folder")


def refusal(path: str, check: Callable[[], object]) -> Problem | None:
    try:
        check()
    except PermanentError as err:
        return Problem(path, f"{err.message} ({err.found})" if err.found else err.message)
    return None
