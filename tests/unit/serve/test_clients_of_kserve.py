"""kserve's own clients against a real server, from an environment of their own: kserve's pins are not ours."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from unit.serve.running import Running, changed, rides, running, world

PYTHON = Path(__file__).parents[3] / "tests/kserve/.venv/bin/python"
CLIENT = """
import asyncio, json, sys
import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest
from kserve.protocol.infer_type import RequestedOutput
from kserve.inference_client import RESTConfig


KINDS = {"INT64": np.int64, "FP64": np.float64, "BYTES": np.object_}


def made(request, raw=False):
    inputs = []
    for item in request["inputs"]:
        one = InferInput(item["name"], item["shape"], item["datatype"], None if raw else item["data"])
        if raw:
            one.set_data_from_numpy(np.array(item["data"], KINDS[item["datatype"]]), binary_data=True)
        inputs.append(one)
    wanted = [RequestedOutput("probability", {"binary_data": True})] if raw else None
    return InferRequest("rides", inputs, request_id="seven", request_outputs=wanted)


async def main(http, grpc, request, bad, rows):
    said = {}
    async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
        said["live"] = await client.is_server_live(http)
        said["ready"] = await client.is_server_ready(http), await client.is_model_ready(http, "rides")
        answer = await client.infer(http, made(request), model_name="rides")
        said["v2"] = answer.id, answer.outputs[0].data
        answer = await client.infer(http, made(request, raw=True), model_name="rides")
        said["bytes"] = answer.outputs[0].as_numpy().tolist()
        try:
            await client.infer(http, made(bad), model_name="rides")
        except Exception as err:
            said["refused"] = str(err)
    async with InferenceRESTClient(RESTConfig(protocol="v1")) as client:
        said["live v1"] = await client.is_server_live(http)
        said["ready v1"] = await client.is_model_ready(http, "rides")
        said["v1"] = (await client.infer(http, rows, model_name="rides"))["predictions"]
    async with InferenceGRPCClient(grpc) as client:
        said["ready grpc"] = await client.is_server_ready(), await client.is_model_ready("rides")
        said["grpc"] = (await client.infer(made(request))).outputs[0].as_numpy().tolist()
    print("said:" + json.dumps(said))


asyncio.run(main(*map(json.loads, sys.argv[1:])))
"""

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(not PYTHON.exists(), reason="needs kserve in an environment of its own: `make test-full`"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One server for all tests of this file."""
    with running(world(tmp_path_factory.mktemp("rides")).options(grpc_port=0)) as one:
        yield one


def test_kserves_clients_get_the_answers_of_a_plain_request(server: Running) -> None:
    """REST in V2 (JSON and bytes) and V1, and gRPC: the same scores, our words in its exception."""
    request, bad = rides(2), changed(rides(), "seats", data=[9])
    columns = {item["name"]: item["data"] for item in request["inputs"]}
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    addresses = [f"http://127.0.0.1:{server.port}", f"127.0.0.1:{server.facts['grpc_port']}"]
    given = [json.dumps(one) for one in (*addresses, request, bad, {"instances": rows})]

    done = subprocess.run([PYTHON, "-c", CLIENT, *given], capture_output=True, text=True, timeout=120, check=False)

    said: dict[str, Any] = json.loads(done.stdout.partition("said:")[2] or done.stderr)
    scores = server.infer(request).json["outputs"][0]["data"]
    assert said.pop("refused").startswith("input 'seats' has 9; expected at most 8, '400 Bad Request' for url")
    assert said == {
        "live": True,
        "ready": [True, True],
        "v2": ["seven", scores],
        "bytes": scores,
        "live v1": True,
        "ready v1": True,
        "v1": scores,
        "ready grpc": [True, True],
        "grpc": scores,
    }
