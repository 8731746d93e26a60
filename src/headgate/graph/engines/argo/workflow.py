"""Renders a graph as a WorkflowTemplate that is valid for Argo Workflows 3.7 and 4."""

from collections.abc import Mapping

from hera.workflows import DAG, Artifact, CronWorkflow, Parameter, Task, WorkflowTemplate
from hera.workflows import models as m

from headgate.graph.engines.argo.pod import container, parameter
from headgate.graph.step import LARGE, Step, check

API = "argoproj.io/v1alpha1"
USER = 10001
"""The image's own user; a pod that must not be root has to say which one it is."""
STEP, EXECUTOR = "headgate-step", "headgate-executor"
THIRTY_DAYS = 30 * 24 * 3600
"""A Workflow's name keeps its trigger from running twice; the longest cooldown in use is shorter."""

COMMON = {
    "service": (None, "the service's name"),
    "repo": (None, "its Git repository"),
    "revision": ("main", "the commit, tag or branch of it"),
    "path": (".", "the folder of service.yaml in it"),
    "image": (None, "Headgate's image, or one made FROM it, by digest"),
    "environment": ("", "which one; empty: the first of promotion.yaml"),
    "memory": (LARGE.memory, "of a step that holds rows"),
}
"""Parameter → default (None: it must be given) and meaning; every graph has these."""
OWN = {
    "as-of": ("", "now, in event time; empty: after the last row"),
    "gate-from": ("", "gate rows start here; empty: as service.yaml splits"),
    "trigger": ("", "the trigger's record as JSON; empty: a person"),
    "model": (None, "the sha256 of the model to begin with"),
    "input": (None, "a Parquet file on the volume, or a folder of some"),
    "output": (None, "where the scores go on it"),
    "partitions": ("", "so many pods' shares; empty: by rows-each"),
    "rows-each": ("", "rows of a share; empty: about a million"),
    "part-rows": ("", "rows in memory at a time; empty: 131072"),
    "claim": ("headgate-files", "the PersistentVolumeClaim that all its pods can mount"),
}
"""The parameters of a graph some of whose steps take them."""


def template(name: str, graph: tuple[Step, ...]) -> str:
    """Return the WorkflowTemplate of a graph as YAML."""
    check(graph)
    workflow = WorkflowTemplate(
        api_version=API,
        kind="WorkflowTemplate",
        name=name,
        labels={"app.kubernetes.io/part-of": "headgate"},
        entrypoint="graph",
        arguments=[
            m.Parameter(name=name, value=value, description=told) for name, (value, told) in wanted(graph).items()
        ],
        templates=[*(container(step, graph) for step in graph), dag(graph)],
        service_account_name=STEP,
        automount_service_account_token=False,
        executor=m.ExecutorConfig(service_account_name=EXECUTOR),
        security_context=LIGHTLY if touches_files(graph) else POD_SECURITY,
        synchronization=m.Synchronization(mutexes=[m.Mutex(name=f"{name}-{parameter('service')}")]),
        workflow_metadata=LABELS,
        pod_gc=m.PodGC(strategy="OnPodSuccess", delete_delay_duration="600s"),
        ttl_strategy=m.TTLStrategy(seconds_after_completion=THIRTY_DAYS),
    )
    return str(workflow.to_yaml())


def cron(name: str, refers: str, schedule: str, given: Mapping[str, str]) -> str:
    """Return a CronWorkflow that runs a WorkflowTemplate by the clock, never twice at a time."""
    workflow = CronWorkflow(
        api_version=API,
        kind="CronWorkflow",
        name=name,
        labels={"app.kubernetes.io/part-of": "headgate"},
        schedules=[schedule],
        timezone="Etc/UTC",
        concurrency_policy="Forbid",
        starting_deadline_seconds=300,
        successful_jobs_history_limit=3,
        failed_jobs_history_limit=3,
        workflow_template_ref=m.WorkflowTemplateRef(name=refers),
        arguments=[Parameter(name=key, value=value) for key, value in given.items()],
    )
    return str(workflow.to_yaml())


def wanted(graph: tuple[Step, ...]) -> dict[str, tuple[str | None, str]]:
    """Return the parameters of a graph's runs: those of every graph, and what its steps take."""
    begins = [step.begins for step in graph if step.begins]
    taken = {name for step in graph for name in (*step.takes, *step.files)}.union(begins)
    there = {"environment": (None, "which one to propose to")} if begins else {}
    if touches_files(graph):
        taken.add("claim")
        there = {"environment": (None, "whose live model scores")}
    return COMMON | there | {name: OWN[name] for name in OWN if name in taken}


def touches_files(graph: tuple[Step, ...]) -> bool:
    return any("files" in step.touches for step in graph)


def dag(graph: tuple[Step, ...]) -> DAG:
    """Return the graph: a step runs when all it needs succeeded, and a failed one ends no branch but its own."""
    at_once = min((step.each.at_once for step in graph if step.each), default=None)
    return DAG(name="graph", fail_fast=False, parallelism=at_once, tasks=[task(step) for step in graph])


def task(step: Step) -> Task:
    """Return a step's place in the graph."""
    when, each = step.when, step.each
    record = Artifact(name=step.reads, from_=f"{{{{tasks.{step.reads}.outputs.artifacts.{step.reads}}}}}")
    return Task(
        name=step.verb,
        template=step.verb,
        depends=" && ".join(f"{verb}.Succeeded" for verb in step.needs) or None,
        when=f"'{{{{tasks.{when.step}.outputs.parameters.{when.field}}}}}' {when.operator} '{when.value}'"
        if when
        else None,
        with_param=f"{{{{tasks.{step.reads}.outputs.parameters.{each.field}}}}}" if each else None,
        arguments=[
            *([record] if step.reads else []),
            *([Parameter(name=each.option, value="{{item}}")] if each else []),
        ]
        or None,
    )


POD_SECURITY = m.PodSecurityContext(
    run_as_non_root=True,
    run_as_user=USER,
    run_as_group=USER,
    fs_group=USER,
    seccomp_profile=m.SeccompProfile(type="RuntimeDefault"),
)
LIGHTLY = POD_SECURITY.model_copy(update={"fs_group_change_policy": "OnRootMismatch"})
"""Not every file of a large volume is looked at before each pod."""
LABELS = m.WorkflowMetadata(
    labels={"app.kubernetes.io/part-of": "headgate"},
    labels_from={
        f"headgate.dev/{name}": m.LabelValueFrom(expression=f"workflow.parameters.{name}")
        for name in ("service", "environment")
    },
)
