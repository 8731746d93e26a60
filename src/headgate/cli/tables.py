"""The tables of the docs that code knows best: commands, exit codes, policy packs."""

import re
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources

from headgate import errors
from headgate.errors import HeadgateError
from headgate.gate import packs
from headgate.specs.gate import AnyRule, Gate

OTHER_CODES = {
    0: ("-", "a record was written, whatever it says: a failing gate is an answer, not an error"),
    3: ("-", "a bug in Headgate, with its traceback"),
    130: ("-", "stopped by Ctrl-C; the same command goes on where this one ended"),
}
NOTED_LINE = re.compile(r"^(?P<indent>\s*)(?:- )?(?P<key>\w+): (?P<value>.+?)\s+# (?P<why>.+)$")


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table.

    >>> print(table(["a", "b"], [["1", "x|y"]]))
    | a | b |
    |---|---|
    | 1 | x\\\\|y |
    """
    names = list(head)
    lines = [names, ["---"] * len(names), *rows]
    shown = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    return "\n".join("|---" * len(names) + "|" if at == 1 else f"| {' | '.join(row)} |" for at, row in enumerate(shown))


def commands(known: Mapping[str, str]) -> str:
    """Return every command with what it does."""
    return table(["command", "what it does"], ([f"`headgate {name}`", text] for name, text in known.items()))


def exit_codes() -> str:
    """Return every exit code with what it means."""
    codes = dict(OTHER_CODES)
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, HeadgateError) and kind is not HeadgateError:
            codes.setdefault(kind.exit_code, (f"`{kind.__name__}`", (kind.__doc__ or "").split("\n")[0]))
    return table(["code", "error", "what it means"], ([str(code), *codes[code]] for code in sorted(codes)))


def packs_compared() -> str:
    """Return every pack's rules side by side; a bracketed rule only warns."""
    loaded = {name: packs.load(Gate(policy=name)) for name in ordered(packs.names())}
    kinds = dict.fromkeys(title(rule) for pack in loaded.values() for rule in pack.rules)
    rows = [["*alpha, two-sided*", *(f"{pack.alpha:g}" for pack in loaded.values())]]
    for kind in kinds:
        found = [next((rule for rule in pack.rules if title(rule) == kind), None) for pack in loaded.values()]
        rows.append([f"`{kind}`", *(settings(rule) for rule in found)])
    return table(["rule", *loaded], rows)


def ordered(names: Iterable[str]) -> list[str]:
    """Return pack names, the default first."""
    return sorted(names, key=lambda name: (name != Gate().policy, name))


def title(rule: AnyRule) -> str:
    """Return what tells a rule of a pack from its other rules."""
    told = (rule.__struct_config__.tag, getattr(rule, "against", None), getattr(rule, "metric", None))
    return " ".join(str(word) for word in told if word)


def settings(rule: AnyRule | None) -> str:
    """Return a rule's own numbers in a cell."""
    if rule is None:
        return "-"
    values = {name: getattr(rule, name) for name in rule.__struct_fields__ if name not in {"metric", "against"}}
    severity = values.pop("severity")
    told = ", ".join(f"{name} {value}" for name, value in values.items() if value is not None) or "yes"
    return told if severity == "error" else f"({told})"


def reasons(pack: str) -> str:
    """Return a pack's numbers with the reason its file gives for each."""
    text = resources.files("headgate.gate").joinpath("packs", f"{pack}.yaml").read_text(encoding="utf-8")
    return table(["rule", "setting", "why"], noted(text))


def noted(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield rule, setting and reason of each commented line of a pack.

    >>> list(noted("alpha: 0.05  # rarely\\nrules:\\n  - rule: looks  # few\\n    at_most: 5  # or later rows"))
    [('', '`alpha: 0.05`', 'rarely'), ('`looks`', '', 'few'), ('`looks`', '`at_most: 5`', 'or later rows')]
    """
    rule = ""
    for line in text.splitlines():
        if begun := re.match(r"\s*- rule: (\w+)", line):
            rule = f"`{begun[1]}`"
        if found := NOTED_LINE.match(line):
            setting = "" if found["key"] == "rule" else f"`{found['key']}: {found['value']}`"
            yield rule, setting, found["why"]
