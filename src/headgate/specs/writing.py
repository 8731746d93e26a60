"""Specs to YAML text, and the first text of each file of an env repo."""

import re
from collections.abc import Sequence

import msgspec
import yaml

from headgate.names import Name
from headgate.specs.environment import App, Ban, Bans, Retired, Version
from headgate.specs.reading import Spec

VERSION_HEADER = """\
# Headgate writes this file; a merged promotion pull request is the only way in.
# The chart reads storageUri; everything else says why.
"""
BANS_HEADER = """\
# Headgate writes this file: models that failed their canary with these serving settings.
# Lift a ban with `headgate unban`, which is a commit too.
"""


NUMERIC = re.compile(r"[-+]?[0-9._]+([eE][-+]?[0-9]+)?|0[xo].*")
"""What YAML 1.2 readers, such as Helm, take for a number: a digest may look like one."""


class PlainDumper(yaml.SafeDumper):
    """Writes what cannot be printed in escapes: YAML folds NEL and its kin into spaces otherwise."""


def quoted(dumper: PlainDumper, text: str) -> yaml.ScalarNode:
    style = '"' if not text.isprintable() or NUMERIC.fullmatch(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


PlainDumper.add_representer(str, quoted)


def render_version(version: Version) -> str:
    """Return the text of version.yaml: keys in the type's order, the same for equal values."""
    return VERSION_HEADER + dump(version)


def render_bans(bans: Sequence[Ban]) -> str:
    """Return the text of bans.yaml."""
    return BANS_HEADER + dump(Bans(bans=tuple(bans)))


def render_retired(retired: Retired) -> str:
    """Return what app.yaml says more of a service that is retired."""
    return dump(App(retired=retired))


def dump(spec: Spec) -> str:
    """Return a spec as YAML that `specs.reading.parse` reads back to the same value."""
    built = msgspec.to_builtins(spec)
    return yaml.dump(built, Dumper=PlainDumper, sort_keys=False, allow_unicode=True, width=10_000)


def deviations(spec: Spec) -> dict[str, object]:
    """Return what a spec says beyond its defaults, so that a new setting leaves the digest of old files alone.

    >>> from headgate.specs.environment import Faults, Serving
    >>> deviations(Serving(replicas=2, threads=1, faults=Faults(delay_ms=0.0)))
    {'replicas': 2}
    """
    found: dict[str, object] = {}
    for one in msgspec.structs.fields(spec):
        value = getattr(spec, one.name)
        default = one.default if one.default_factory is msgspec.NODEFAULT else one.default_factory()
        if value != default:
            found[one.encode_name] = deviations(value) if isinstance(value, Spec) else msgspec.to_builtins(value)
    return found


def first_promotion(environments: Sequence[Name]) -> str:
    """Return the text of promotion.yaml: each environment comes after the one before it."""
    after: list[Name | None] = [None, *environments[:-1]]
    lines = ["# The order of environments, and who merges there: by_person or by_rule.", "environments:"]
    for environment, before in zip(environments, after, strict=True):
        lines += [f"  - name: {environment}", *([f"    after: {before}"] if before else [])]
        lines += ["    promotions_merge: by_person", "    reverts_merge: by_rule"]
    return "\n".join(lines) + "\n"


FIRST_ENVIRONMENT = """\
# Where this environment is.
cluster: local
namespace: default
"""

FIRST_APP = """\
# Which chart and runtime render the service; promoted from environment to environment like models.
chart: 0.1.0
runtime: 0.1.0
"""

FIRST_SERVING = """\
# How the model is run here. Other settings are a canary too.
replicas: 1
threads: 1        # ONNX Runtime threads per worker
# faults: {delay_ms: 0, fail_share: 0}                        # on purpose, to try the canary
# canary: {steps: [10, 25, 50], pause: PT5M}                  # wins over service.yaml
"""
