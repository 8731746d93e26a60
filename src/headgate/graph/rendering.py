"""Which files do the graphs make? Argo's and KFP's, in pipelines/ and components/."""

from importlib.util import find_spec

from headgate.errors import PermanentError
from headgate.graph.step import CONTINUOUS_TRAINING, MEASURING, PROMOTION, SCORING, Step

GRAPHS: dict[str, tuple[Step, ...]] = {
    "headgate-ct": CONTINUOUS_TRAINING,
    "headgate-promote": PROMOTION,
    "headgate-measure": MEASURING,
    "headgate-score": SCORING,
}
HOURLY = "7 * * * *"
"""A window is judged within the hour after its labels matured; the minute keeps clear of everybody's full hour."""
SAMPLE = {
    "service": "flights",
    "repo": "https://git.example.org/team/flights",
    "path": "examples/flights",
    "image": "headgate:dev",
    "environment": "prod",
}


def texts() -> dict[str, str]:
    """Return every rendered file of every graph: path → text."""
    for package in ("hera", "kfp"):
        if find_spec(package) is None:
            raise PermanentError(
                f"graphs are rendered by package {package!r}, which is not installed",
                next_step="make install, or pip install 'headgate[argo,kfp]'",
            )
    from headgate.graph.engines import kfp  # noqa: PLC0415 - seconds, for one command
    from headgate.graph.engines.argo import workflow  # noqa: PLC0415 - as above

    made = {f"pipelines/argo/{name}.yaml": workflow.template(name, graph) for name, graph in GRAPHS.items()}
    made["pipelines/argo/measure-flights.cron.yaml"] = workflow.cron(
        "measure-flights-prod", "headgate-measure", HOURLY, SAMPLE
    )
    for name, graph in GRAPHS.items():
        made[f"pipelines/kfp/{name}.yaml"] = kfp.pipeline(name, graph)
        made[f"pipelines/kfp/{name}.version.yaml"] = kfp.version(name, graph)
    for graph in (CONTINUOUS_TRAINING, MEASURING, SCORING):
        made |= {f"components/{step.verb}/component.yaml": kfp.component(step, graph) for step in graph}
    return {path: f"# Rendered by `make render` from src/headgate/graph/step.py\n{text}" for path, text in made.items()}
