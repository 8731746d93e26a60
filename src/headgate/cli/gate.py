"""headgate gate."""

import typer

from headgate.cli.exchange import Fields, FromFile, OutFile, Output, OutputFormat, leave, take
from headgate.cli.wiring import DEFAULT_SERVICE_FILE, EnvironmentName, ServiceFile, WorkspaceFolder, open_project
from headgate.gate import packs
from headgate.gate.judge import judge
from headgate.records.codec import digest, encode
from headgate.records.judgement import Evaluation, Verdict, evidence_uri

app = typer.Typer(add_completion=False)


@app.command()
def gate(
    service: ServiceFile = DEFAULT_SERVICE_FILE,
    workspace: WorkspaceFolder = None,
    environment: EnvironmentName = None,
    source: FromFile = None,
    out: OutFile = None,
    fields: Fields = None,
    output: OutputFormat = Output.text,
) -> None:
    """Judge an evaluation by policy and keep the verdict; a failing one is a record, not an error."""
    project = open_project(service, workspace)
    evaluation = take(Evaluation, source, project)
    champion = project.live(environment).champion
    judged_at = evaluation.window.end + project.spec.data.label.matures_after if evaluation.window else None
    pack = packs.load(project.spec.gate, project.spec.metrics[0])
    verdict = judge(evaluation, pack, project.spec, champion.sha256 if champion else None, judged_at)
    project.store.put(evidence_uri(digest(verdict)), encode(verdict))
    leave(verdict, out, output, project, summary(verdict), fields)


def summary(verdict: Verdict) -> str:
    lines = [f"{verdict.model.sha256[:12]}: {verdict.outcome.upper()} by {verdict.policy}, look {verdict.look}"]
    for finding in verdict.findings:
        mark = finding.outcome if finding.severity == "error" else f"({finding.outcome})"
        lines.append(f"  {mark:<14} {finding.rule:<28} {finding.reason}")
    return "\n".join(lines)
