"""Two lines in somebody's own application: the live model, as Git names it, behind Headgate's door."""

import pytest
from fastapi import FastAPI

import headgate
from headgate.errors import PermanentError
from unit.cli.terminal import Terminal, orders
from unit.serve.hosting import hosted


def test_a_fastapi_app_mounts_what_is_live(live: Terminal) -> None:
    """The answers are those of the loaded model."""
    rows = orders(1, seed=9)
    app = FastAPI()
    app.mount("/", headgate.asgi("orders@prod"))

    with hosted(app) as asked:
        names = [item["name"] for item in asked.get("/v2/models/orders").json()["inputs"]]
        row = {
            name: value if isinstance(value, int | float) else str(value)
            for name, value in rows.select(names).row(0, named=True).items()
        }
        answer = asked.post("/v1/models/orders:predict", json={"instances": [row]})

    assert 200 == answer.status_code, answer.text
    assert answer.json()["predictions"] == headgate.load("orders@prod").predict(rows)["probability"].to_list()


def test_what_is_not_live_is_not_mounted(proposed: Terminal) -> None:
    """A merged model that no server showed to be healthy is not live."""
    proposed("pr", "merge", 1)

    with pytest.raises(PermanentError, match="nothing is live as 'orders@prod'"):
        headgate.asgi("orders@prod")
