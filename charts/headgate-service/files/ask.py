# ruff: noqa: INP001 - a program in a pod, not a module
"""Asks a served model through the router, as a client would: `helm test` runs it."""

import json
import os
import sys
from http.client import HTTPConnection
from urllib.parse import urlsplit

ZERO = {"BYTES": "", "BOOL": False}
SERVED = {200, 400}
"""400: made-up values need not keep to the contract; that it is named shows that the server reads requests."""


def ask(path: str, body: dict[str, object] | None = None) -> tuple[int, str, dict[str, list[dict[str, str]]]]:
    """Return the answer's code, its model and its document."""
    address = urlsplit(os.environ["ADDRESS"])
    connection = HTTPConnection(address.hostname or "", address.port or 80, timeout=10)
    method, text = ("GET", None) if body is None else ("POST", json.dumps(body))
    connection.request(method, path, text, {"Host": os.environ["HOST"], "Content-Type": "application/json"})
    answer = connection.getresponse()
    model, content = answer.getheader("headgate-model"), answer.read()
    if model is None or answer.status not in SERVED:
        sys.exit(f"{method} {path} at {address.netloc} was answered {answer.status}: {content.decode()[:500]}")
    return answer.status, model, json.loads(content)


def main() -> None:
    """Ask what the model takes, then for an answer to made-up values."""
    path = f"/v2/models/{os.environ['SERVICE']}"
    _, _, about = ask(path)
    inputs = [
        {"name": one["name"], "datatype": one["datatype"], "shape": [1], "data": [ZERO.get(one["datatype"], 0)]}
        for one in about["inputs"]
    ]
    code, model, answer = ask(f"{path}/infer", {"inputs": inputs})
    sys.stdout.write(f"model {model} answered {code}: {json.dumps(answer)[:500]}\n")


main()
