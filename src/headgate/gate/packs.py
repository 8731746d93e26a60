"""Which rules judge a service? A policy pack by name, and the service's own rules in it."""

from importlib.resources import files

import msgspec

from headgate.errors import PermanentError
from headgate.names import Digest, did_you_mean
from headgate.records import codec
from headgate.specs.gate import AnyRule, Gate, Pack
from headgate.specs.reading import parse
from headgate.stats.metrics import METRICS

FOLDER = files("headgate.gate") / "packs"
Key = tuple[str, str | None, str | None]


def names() -> list[str]:
    """Return the packs there are, sorted."""
    return sorted(entry.name.removesuffix(".yaml") for entry in FOLDER.iterdir() if entry.name.endswith(".yaml"))


def load(gate: Gate, lead: str | None = None) -> Pack:
    """Return the pack a Gate names, with the service's rules in place of the pack's of the same kind and metric.

    `lead` is the service's first metric: a rule that names it means the same as one that names none.
    """
    known = names()
    if gate.policy not in known:
        raise PermanentError(
            f"there is no policy pack {gate.policy!r}.{did_you_mean(gate.policy, known)}",
            found=f"packs: {', '.join(known)}",
            next_step="name one of them in gate.policy of service.yaml; single rules are changed in gate.rules",
        )
    text = (FOLDER / f"{gate.policy}.yaml").read_text(encoding="utf-8")
    return merged(parse(text, Pack, f"{gate.policy}.yaml"), gate, lead)


def merged(pack: Pack, gate: Gate, lead: str | None) -> Pack:
    """Return the pack with the service's rules: each in the place of the one it replaces, new ones at the end."""
    rules = {key_of(rule, lead): rule for rule in pack.rules}
    for rule in gate.rules:
        refuse_unknown_metric(rule)
        rules[key_of(rule, lead)] = rule
    alpha = pack.alpha if gate.alpha is None else gate.alpha
    return msgspec.structs.replace(pack, alpha=alpha, rules=tuple(rules.values()))


def digest_of(pack: Pack) -> Digest:
    """Return the sha256 of the name, the level and every value of every rule, those that nobody wrote included.

    Documents that people write leave defaults out; a default that changes in the code is another policy all the same.
    """
    rules = [{"rule": rule.__struct_config__.tag, **msgspec.structs.asdict(rule)} for rule in pack.rules]
    said = {"pack": pack.pack, "alpha": pack.alpha, "rules": rules}
    return codec.digest_of(msgspec.json.encode(said, order="sorted"))


def key_of(rule: AnyRule, lead: str | None) -> Key:
    """Return what makes two rules the same question: kind, metric, and the role compared with."""
    kind = str(rule.__struct_config__.tag)
    return kind, getattr(rule, "metric", None) or lead, getattr(rule, "against", None)


def refuse_unknown_metric(rule: AnyRule) -> None:
    """Raise for a metric that nothing can measure."""
    metric = getattr(rule, "metric", None)
    if metric is not None and metric not in METRICS:
        kind = rule.__struct_config__.tag
        raise PermanentError(
            f"gate rule {kind!r} names metric {metric!r}.{did_you_mean(metric, METRICS)}",
            found=f"metrics: {', '.join(METRICS)}",
            next_step="correct gate.rules in service.yaml",
        )
