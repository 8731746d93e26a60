"""A model card: what the model is, what it learned from, how good it is and what to beware of, from records alone."""

from collections.abc import Iterable, Iterator, Sequence

from headgate.models.signature import Signature
from headgate.names import short
from headgate.records.dataset import Window
from headgate.records.judgement import Estimate, Evaluation, Verdict
from headgate.records.model import Model

CATEGORIES_SHOWN = 8
SLICES_SHOWN = 5
TRIALS_SHOWN = 5


def card(
    model: Model,
    signature: Signature | None = None,
    verdict: Verdict | None = None,
    evaluation: Evaluation | None = None,
    owner: str | None = None,
) -> str:
    """Return the model card as Markdown; the same records give the same text, and what is not known is left out."""
    blocks: list[Iterable[str]] = [title(model, owner), learned(model)]
    if verdict is not None:
        blocks.append(judged(verdict))
    if evaluation is not None:
        blocks += [measured(evaluation), slices(evaluation)]
    if signature is not None:
        blocks.append(inputs(signature))
    blocks += [fitted(model), beware(model, evaluation), again(model)]
    return "\n\n".join("\n".join(block) for block in map(list, blocks) if block) + "\n"


def title(model: Model, owner: str | None) -> Iterator[str]:
    yield f"# {model.service} {model.version}"
    yield ""
    yield f"A {model.task} model, served only through a gate. sha256 `{model.sha256}`."
    if owner:
        yield f"Owner: {plain(owner)}."


def learned(model: Model) -> Iterator[str]:
    yield "## Data"
    yield ""
    yield f"Dataset `{short(model.dataset.sha256)}` from {plain(model.dataset.source)}; contract "
    yield f"`{short(model.dataset.contract)}`. Gate rows took no part in fitting."
    yield ""
    rows = [
        (name, f"{part.rows:,}", span(part.window), f"{part.labels_missing:,}")
        for name, part in sorted(model.dataset.parts.items(), key=lambda item: order(item[0]))
    ]
    yield from table(("part", "rows", "event time", "labels that never came"), rows)


def order(part: str) -> tuple[int, str]:
    known = ("train", "tune", "gate")
    return (known.index(part) if part in known else len(known), part)


def judged(verdict: Verdict) -> Iterator[str]:
    yield f"## Verdict: {verdict.outcome}"
    yield ""
    evidence = short(verdict.evaluation)
    yield f"Policy `{plain(verdict.policy)}`, look {verdict.look} at this holdout, evidence `{evidence}`."
    yield ""
    rows = [(finding.rule, finding.outcome, finding.limit, finding.reason) for finding in verdict.findings]
    yield from table(("rule", "outcome", "limit", "reason"), rows)


def measured(evaluation: Evaluation) -> Iterator[str]:
    by = f", clustered by {evaluation.clustered_by}" if evaluation.clustered_by else ""
    yield "## Quality on gate rows"
    yield ""
    yield f"{evaluation.rows:,} rows in {evaluation.clusters:,} groups{plain(by)}, {span(evaluation.window)}."
    yield ""
    metrics = list(dict.fromkeys(each.metric for each in evaluation.metrics))
    roles = list(dict.fromkeys(each.role for each in evaluation.metrics))
    values = {(each.metric, each.role): each.estimate for each in evaluation.metrics}
    rows = [(metric, *(show(values.get((metric, role))) for role in roles)) for metric in metrics]
    yield from table(("metric (± standard error)", *roles), rows)
    yield ""
    latency = evaluation.latency
    yield f"One row takes {latency.p50_ms:.2f} ms of CPU time (median), {latency.p99_ms:.2f} ms (p99)."


def slices(evaluation: Evaluation) -> list[str]:
    known = [each for each in evaluation.slices if each.delta is not None]
    if not known:
        return []
    widest = sorted(known, key=lambda each: (-abs(each.delta.value) if each.delta else 0.0, each.name))[:SLICES_SHOWN]
    rows = [
        (each.name, each.metric, number(each.champion), number(each.candidate), show(each.delta), f"{each.rows:,}")
        for each in widest
    ]
    head = ("slice", "metric", "champion", "candidate", "difference", "rows")
    return ["Slices where it differs most from the champion:", "", *table(head, rows)]


def inputs(signature: Signature) -> Iterator[str]:
    yield "## Inputs"
    yield ""
    yield "What is missing, unknown or infinite is treated as missing."
    yield ""
    rows = [
        (each.name, each.kind, ", ".join(each.categories[:CATEGORIES_SHOWN]) + more(each.categories))
        for each in signature.features
    ]
    yield from table(("feature", "kind", "categories"), rows)
    if signature.classes:
        yield ""
        yield f"Classes: {', '.join(plain(each) for each in signature.classes)}."


def more(categories: Sequence[str]) -> str:
    rest = len(categories) - CATEGORIES_SHOWN
    return f" and {rest:,} more" if rest > 0 else ""


def fitted(model: Model) -> Iterator[str]:
    yield "## Fitting"
    yield ""
    yield f"Trainer `{model.trainer}`, seed {model.seed}; the package differs from the estimator by {model.parity:.1e}."
    if model.params:
        yield ""
        yield from table(("param", "value"), [(name, str(value)) for name, value in sorted(model.params.items())])
    if model.trials:
        yield ""
        yield f"{len(model.trials)} trials on tune rows; the params above are the best. The first ones:"
        yield ""
        rows = [
            (f"{trial.score:.5g}", ", ".join(f"{name}={value}" for name, value in sorted(trial.params.items())))
            for trial in model.trials[:TRIALS_SHOWN]
        ]
        yield from table(("score", "params"), rows)


def beware(model: Model, evaluation: Evaluation | None) -> Iterator[str]:
    yield "## Beware"
    yield ""
    if model.tune_end:
        yield f"- It saw nothing after {model.tune_end:%Y-%m-%d}; what changed since is not in it."
    else:
        yield "- Its rows have no event time: nothing says how it ages."
    if evaluation and evaluation.labels_missing:
        yield (
            f"- {evaluation.labels_missing:,} gate rows ({evaluation.rows_missing_share:.1%}) have no label; "
            "they may be unlike the others."
        )
    if evaluation and evaluation.leaks:
        strongest = evaluation.leaks[0]
        yield f"- Its strongest single feature is {plain(strongest.feature)} ({strongest.score:.3f} on its own)."
    yield "- Where its answers decide which labels come to be known, later data favour it: keep a random holdout."


def again(model: Model) -> Iterator[str]:
    yield "## Provenance"
    yield ""
    commit = f"`{model.commit}`" if model.commit else "not in Git"
    yield from table(
        ("what", "digest"),
        [
            ("dataset", model.dataset.sha256),
            ("code", model.code),
            ("packages", model.lock),
        ],
    )
    yield ""
    yield f"Commit of the service's code: {commit}. Stored at `{model.uri}`."


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(plain(cell) for cell in head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(plain(cell) for cell in row)} |"


def plain(text: str) -> str:
    """Return text that Markdown and HTML take literally, on one line."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "&#64;")
    for sign in "\\`*_[]|":
        escaped = escaped.replace(sign, f"\\{sign}")
    return " ".join(escaped.split())


def show(estimate: Estimate | None) -> str:
    return "-" if estimate is None else f"{estimate.value:.4g} ± {estimate.standard_error:.2g}"


def number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def span(window: Window | None) -> str:
    return f"{window.start:%Y-%m-%d} to {window.end:%Y-%m-%d}" if window else "no event time"
