"""`ports.Cluster` on the Kubernetes API; an object that cannot be read stands alone."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.config import ConfigException
from urllib3.exceptions import HTTPError

from headgate.adapters.argo import reading
from headgate.adapters.argo.objects import ListPage
from headgate.errors import HeadgateError, MovedError, PermanentError, TransientError
from headgate.records.cluster import PART_OF, Examination, Order, Rollout, Unreadable, Workflow

PAGE = 500
SECONDS = 10.0
"""A call's patience; the next look asks again."""
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
UNPROCESSABLE = 422
JSON, JSON_PATCH = "application/json", "application/json-patch+json"


class KubernetesCluster:
    """`ports.Cluster` by an API server; namespaced lists only, so that namespaced Roles are enough."""

    def __init__(self, api: Any, namespaces: tuple[str, ...], workflows: str) -> None:
        """Ask with a `kubernetes` ApiClient; Rollouts are in `namespaces`, Workflows in `workflows`."""
        self.api = api
        self.namespaces = namespaces
        self.workflow_namespace = workflows

    def rollouts(self) -> tuple[list[Rollout], list[Unreadable]]:
        found: list[Rollout] = []
        unreadable: list[Unreadable] = []
        for namespace in self.namespaces:
            bare: list[Rollout] = []
            for raw in self.items(namespace, "rollouts", PART_OF):
                if isinstance(rollout := reading.readable(raw, reading.rollout), Unreadable):
                    unreadable.append(rollout)
                else:
                    bare.append(rollout)
            judged = self.judged(namespace, unreadable)
            found += [
                msgspec.structs.replace(rollout, examinations=tuple(judged.get(rollout.name, ()))) for rollout in bare
            ]
        return found, unreadable

    def judged(self, namespace: str, unreadable: list[Unreadable]) -> dict[str, list[Examination]]:
        """Return the AnalysisRuns by Rollout: asked after these, so that an abort never stands without its reason."""
        found: dict[str, list[Examination]] = {}
        for raw in self.items(namespace, "analysisruns"):
            if isinstance(run := reading.readable(raw, reading.examination), Unreadable):
                unreadable.append(run)
            elif run:
                found.setdefault(run[0], []).append(run[1])
        return found

    def workflows(self) -> tuple[list[Workflow], list[Unreadable]]:
        read = [
            reading.readable(raw, reading.workflow) for raw in self.items(self.workflow_namespace, "workflows", PART_OF)
        ]
        found = sorted((one for one in read if isinstance(one, Workflow)), key=lambda one: one.name)
        return found, [one for one in read if isinstance(one, Unreadable)]

    def start(self, order: Order) -> bool:
        body = msgspec.json.encode(reading.manifest(order))
        answer = self.ask("POST", path_of(self.workflow_namespace, "workflows"), body, fine=(409,))
        return answer is not None

    def abort(self, rollout: Rollout) -> None:
        self.set_status(rollout, "abort", gone_is_fine=True)

    def promote(self, rollout: Rollout) -> None:
        self.set_status(rollout, "promoteFull", gone_is_fine=False)

    def touch(self, rollout: Rollout, words: str) -> None:
        # its controller reads it anew when it hears of any change, and then writes a message of its own
        self.set_status(rollout, "message", gone_is_fine=True, value=words)

    def set_status(self, rollout: Rollout, field: str, *, gone_is_fine: bool, value: str | bool = True) -> None:
        """Set a field of a Rollout's status, if its newest pods still are those that were looked at."""
        patch = [
            {"op": "test", "path": "/status/currentPodHash", "value": rollout.current},
            {"op": "add", "path": f"/status/{field}", "value": value},
        ]
        path = f"{path_of(rollout.namespace, 'rollouts')}/{rollout.name}/status"
        fine = (404,) if gone_is_fine else ()
        self.ask("PATCH", path, msgspec.json.encode(patch), content=JSON_PATCH, fine=fine)

    def items(self, namespace: str, plural: str, selector: str = "") -> Iterator[bytes]:
        """Yield the objects of a list as they came, page by page."""
        after: str | None = ""
        while after is not None:
            query = {"limit": str(PAGE), "labelSelector": selector, "continue": after}
            answer = self.ask(
                "GET", path_of(namespace, plural), query={key: value for key, value in query.items() if value}
            )
            page = msgspec.json.decode(answer or b"{}", type=ListPage)
            yield from (bytes(item) for item in page.items)
            after = page.metadata.get("continue") or None

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        query: Mapping[str, str] | None = None,
        content: str = JSON,
        fine: tuple[int, ...] = (),
    ) -> bytes | None:
        """Return an answer's body, None for a code that is fine; any other trouble in our words."""
        headers = {"Accept": JSON} | ({"Content-Type": content} if body else {})
        try:
            answer = self.api.call_api(
                path,
                method,
                query_params=list((query or {}).items()),
                header_params=headers,
                body=msgspec.json.decode(body) if body else None,
                auth_settings=["BearerToken"],
                _preload_content=False,
                _request_timeout=SECONDS,
                _return_http_data_only=True,
            )
        except ApiException as err:
            if err.status in fine:
                return None
            raise translated(err, f"{method} {path}") from err
        except (HTTPError, OSError) as err:
            raise TransientError(f"the API server cannot be reached: {type(err).__name__}") from err
        return bytes(answer.data)


def translated(err: Any, what: str) -> HeadgateError:
    """Return an API server's refusal in our words."""
    try:
        said = msgspec.json.decode(err.body or b"{}").get("message", "")
    except (msgspec.DecodeError, AttributeError):
        said = str(err.body)
    told = f"{what}: {err.status} {err.reason}: {str(said)[:300]}"
    if err.status in {401, 403}:
        return PermanentError(f"the API server does not allow {told}", next_step="give the receiver the Role it needs")
    if err.status == UNPROCESSABLE and what.startswith("PATCH"):  # what the patch tests for does not hold
        return MovedError(f"the Rollout has other pods meanwhile: {told}")
    if err.status in {408, 409, 429} or err.status >= 500:
        return TransientError(f"the API server could not answer {told}")
    return PermanentError(f"the API server refuses {told}")


def path_of(namespace: str, plural: str) -> str:
    return f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/{plural}"


def connect(kubeconfig: str | None = None) -> Any:
    """Return a client for the cluster this process runs in, or the one a kubeconfig names."""
    settings = client.Configuration()
    try:
        if kubeconfig is None and "KUBERNETES_SERVICE_HOST" in os.environ and ACCOUNT.exists():
            config.load_incluster_config(client_configuration=settings)
        else:
            config.load_kube_config(config_file=kubeconfig, client_configuration=settings)
    except (ConfigException, OSError) as err:
        raise PermanentError(f"no cluster to ask: {err}", next_step="run inside one, or set KUBECONFIG") from err
    settings.retries = False
    return client.ApiClient(settings)
