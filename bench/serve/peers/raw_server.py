"""The least a server can do: decode, run, encode. No check, no metric, no error; uvicorn with uvloop and httptools."""

import numpy as np
import orjson
import uvicorn
from session import PORT, session

model = session()
INPUT, OUTPUT = model.get_inputs()[0].name, model.get_outputs()[0].name


async def app(scope, receive, send):
    """Answer one request."""
    if scope["method"] == "GET":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})
        return
    body = b""
    while True:
        message = await receive()
        body += message["body"]
        if not message.get("more_body"):
            break
    matrix = np.array([tensor["data"] for tensor in orjson.loads(body)["inputs"]], dtype=np.float32).T
    [scores] = model.run([OUTPUT], {INPUT: np.ascontiguousarray(matrix)})
    data = scores.reshape(len(matrix), -1)[:, -1].tolist()
    output = {"name": "probability", "datatype": "FP64", "shape": [len(data)], "data": data}
    content = orjson.dumps({"model_name": "bench", "outputs": [output]})
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


if __name__ == "__main__":
    uvicorn.run(app, port=PORT, loop="uvloop", http="httptools", access_log=False, log_level="warning")
