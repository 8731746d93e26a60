"""FastAPI with pydantic: the same request as typed models, finite numbers checked; uvicorn with uvloop and httptools.

Source: https://fastapi.tiangolo.com/tutorial/body-nested-models/
"""

from typing import Annotated

import numpy as np
import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field
from session import PORT, session

COLUMNS = [f"x{place:02}" for place in range(20)]
Number = Annotated[float, Field(allow_inf_nan=False, ge=-100, le=100)]


class Tensor(BaseModel):
    """A column of numbers."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Number]


class Request(BaseModel):
    """A V2 request."""

    inputs: list[Tensor]
    id: str | None = None


class Output(BaseModel):
    """A column of answers."""

    name: str
    shape: list[int]
    datatype: str
    data: list[float]


class Response(BaseModel):
    """A V2 response."""

    model_name: str
    outputs: list[Output]
    id: str | None = None


app = FastAPI()
model = session()
INPUT, OUTPUT = model.get_inputs()[0].name, model.get_outputs()[0].name


@app.get("/v2/health/ready")
async def ready() -> dict[str, bool]:
    return {"ready": True}


@app.post("/v2/models/bench/infer")
async def infer(request: Request) -> Response:
    columns = {tensor.name: tensor.data for tensor in request.inputs}
    if missing := [name for name in COLUMNS if name not in columns]:
        raise HTTPException(400, f"missing: {missing}")
    matrix = np.array([columns[name] for name in COLUMNS], dtype=np.float32).T
    [scores] = model.run([OUTPUT], {INPUT: np.ascontiguousarray(matrix)})
    data = scores.reshape(len(matrix), -1)[:, -1].tolist()
    output = Output(name="probability", shape=[len(data)], datatype="FP64", data=data)
    return Response(model_name="bench", outputs=[output], id=request.id)


if __name__ == "__main__":
    uvicorn.run(app, port=PORT, loop="uvloop", http="httptools", access_log=False, log_level="warning")
