"""Requests gone wrong in every way that a seeded chance thinks of: values, shapes, names, structure, bytes."""

import json
import random
import struct
from collections.abc import Callable
from copy import deepcopy
from itertools import pairwise
from typing import Any

from headgate.serve.grpc.messages import InferRequest
from unit.serve.running import rides, tensor

JSON_TOKENS = [
    *(b"null", b"true", b"NaN", b"Infinity", b"-0", b"1e999", b"-1e-999", b"1E400", b"0x1", b"1_000", b"01", b"."),
    *(b"9223372036854775808", b"-9223372036854775809", b"1" * 400, b"1." + b"9" * 400, b'""', b'"\\ud800"'),
    *(b'"\\u0000"', b'"\xff"', b'"' + b"x" * 3000 + b'"', b"[]", b"{}", b"[[[[[[]]]]]]", b"[" * 2000, b'{"a":' * 2000),
    *(b"[null]", b'{"":{}}', b",", b":", b'"inputs":', b'"data":', b'"shape":[-1],', b"\x00", b"\xef\xbb\xbf", b"\r\n"),
]
WORDS = [
    *("", "distance", "rider", "at", "late", "city\x00", "x" * 500, "é", "\ud800", "FP64", "INT64", "BYTES", "FP16"),
    *("2024-05-01", "2024-02-30T25:00", "9999-12-31T23:59:59.999999-23:59", "0001-01-01T00:00:00+23:59", "berne"),
]
NUMBERS: list[Any] = [
    *(0, -1, 1, 2, 2**31, 2**63 - 1, 2**63, -(2**63), 2**64, 10**30, 0.5, -0.0, 1e308, 5e-324),
    *(float("inf"), float("nan"), 1e39),
]
ODD: list[Any] = [None, True, False, [], {}, [[]], [None], {"a": 1}, *WORDS, *NUMBERS]

HEADERS = [
    *(b"", b"", b"", b"connection: close\r\n", b"connection: upgrade\r\nupgrade: h2c\r\n", b"expect: 100-continue\r\n"),
    *(b"content-length: -1\r\n", b"content-length: 5\r\ncontent-length: 6\r\n", b"transfer-encoding: gzip\r\n"),
    *(
        b"x: " + b"y" * 70_000 + b"\r\n",
        b": nameless\r\n",
        b"x\r\n",
        b"\x00: \xff\r\n",
        b"content-length: 99999999999999999999\r\n",
    ),
]

Made = tuple[str, bytes]
"""Dialect and body; the first line of a `binary` one is its header."""


class Mutator:
    """Makes one bad request after the other; the same seed makes the same ones."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.kinds: list[tuple[str, Callable[[], bytes]]] = [
            ("v2", self.v2),
            ("v1", self.v1),
            ("labels", self.labels),
            ("binary", self.binary),
            ("grpc", self.grpc),
        ]

    def next(self) -> Made:
        """Return the next request."""
        kind, make = self.chance.choice(self.kinds)
        body = make()
        for _ in range(self.chance.choice((0, 0, 0, 0, 1, 3))):
            body = self.bytes_changed(body)
        return kind, self.measured(body) if kind == "binary" else body

    def connection(self) -> list[bytes]:
        """Return what one client sends on one connection, in its pieces: requests in a row, with wounds anywhere."""
        sent = b"".join(self.exchange() for _ in range(self.chance.choice((1, 1, 2, 3))))
        for _ in range(self.chance.choice((0, 0, 1, 1, 3))):
            sent = self.bytes_changed(sent) if self.chance.random() < 0.5 else self.line_changed(sent)
        cuts = sorted(self.chance.randrange(len(sent) + 1) for _ in range(self.chance.choice((0, 0, 1, 3))))
        return [sent[start:end] for start, end in pairwise([0, *cuts, len(sent)])]

    def exchange(self) -> bytes:
        """Return one request as HTTP has it."""
        body = self.v2() if self.chance.random() < 0.3 else json.dumps(self.request()).encode()
        if self.chance.random() < 0.2:
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
            length = b"transfer-encoding: chunked"
        else:
            length = b"content-length: %d" % len(body)
        line = self.chance.choice(
            (b"POST /v2/models/rides/infer",) * 4 + (b"GET /v2", b"POST /v1/models/rides:predict")
        )
        more = self.chance.choice(HEADERS)
        return b"%b HTTP/1.1\r\nhost: x\r\n%b\r\n%b\r\n%b" % (line, length, more, body)

    def line_changed(self, sent: bytes) -> bytes:
        """Return the bytes with one line of a head dropped, doubled or replaced."""
        lines = sent.split(b"\r\n")
        place = self.chance.randrange(len(lines))
        lines[place : place + 1] = self.chance.choice(([], [lines[place]] * 2, [self.chance.choice(HEADERS)[:-2]]))
        return b"\r\n".join(lines)

    def v2(self) -> bytes:
        return self.dumped(self.changed(self.request()))

    def v1(self) -> bytes:
        columns = {item["name"]: item["data"] for item in self.request()["inputs"]}
        rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        bodies = [{"instances": rows}, {"instances": [list(row.values()) for row in rows]}, {"inputs": columns}]
        return self.dumped(self.changed(self.chance.choice(bodies)))

    def labels(self) -> bytes:
        rows = [{"rider": 1 + k, "at": "2024-05-01T08:00:00", "late": True} for k in range(self.chance.choice((1, 3)))]
        return self.dumped(self.changed({"labels": rows}))

    def binary(self) -> bytes:
        """Return a request some of whose values lie behind its JSON, with a seam between them."""
        request, behind = self.request(), []
        for item in request["inputs"]:
            if self.chance.random() < 0.7:
                behind.append(packed(item))
                del item["data"]
                item["parameters"] = {"binary_data_size": len(behind[-1])}
        if self.chance.random() < 0.5:
            request["parameters"] = {"binary_data_output": self.chance.choice(ODD[:4])}
        if self.chance.random() < 0.3:
            request["outputs"] = [{"name": "probability", "parameters": {"binary_data": True}}]
        if self.chance.random() < 0.4 and behind:
            place = self.chance.randrange(len(behind))
            behind[place] = self.bytes_changed(behind[place])
        return SEAM.join((self.dumped(self.changed(request)), b"".join(behind)))

    def measured(self, body: bytes) -> bytes:
        """Return the body after a line with the length of its JSON, mostly the true one."""
        head, _, behind = body.partition(SEAM)
        length = b"%d" % len(head)
        if self.chance.random() < 0.1:
            length = self.chance.choice((b"", b"-1", b"1e3", b"9" * 30, b"%d" % (len(head) + 1), b"0", b" 5", b"\xb2"))
        return b"\n".join((length, head + behind))

    def request(self) -> dict[str, Any]:
        """Return a good request of some rows, in one of its forms."""
        count = self.chance.choice((1, 1, 2, 3, 20))
        request = rides(count)
        if self.chance.random() < 0.3:
            request["inputs"].append(tensor("member", "BOOL", [True] * count))
        if self.chance.random() < 0.3:
            request |= {"id": "7", "parameters": {"a": 1}, "outputs": [{"name": "probability"}]}
        self.chance.shuffle(request["inputs"])
        return request

    def dumped(self, document: Any) -> bytes:
        text = json.dumps(document, ensure_ascii=self.chance.random() < 0.7)
        return text.encode(errors="surrogatepass")

    def changed(self, document: Any) -> Any:
        """Return the document with some of its nodes replaced, dropped or doubled."""
        whole = [deepcopy(document)]
        for _ in range(self.chance.choice((0, 1, 1, 1, 3))):
            holder, key = self.somewhere(whole)
            self.spoil(holder, key)
        return whole[0] if whole else None

    def somewhere(self, node: Any) -> tuple[Any, Any]:
        """Return a place in a document: what holds it, and under which key."""
        holder, key = node, 0
        while True:
            inner = holder[key]
            if not inner or not isinstance(inner, dict | list) or self.chance.random() < 0.15:
                return holder, key
            holder = inner
            key = self.chance.choice(list(inner) if isinstance(inner, dict) else range(len(inner)))

    def spoil(self, holder: Any, key: Any) -> None:
        match self.chance.randrange(6):
            case 0 if isinstance(holder, dict) or len(holder) > 1:
                del holder[key]
            case 1 if isinstance(holder, list):
                holder.insert(key, deepcopy(holder[key]))
            case 2 if isinstance(holder, dict):
                holder[self.chance.choice(WORDS)] = holder.pop(key)
            case 3 if isinstance(holder[key], list):
                holder[key] = holder[key] * self.chance.choice((0, 2, 30))
            case 4:
                holder[key] = [holder[key]]
            case _:
                holder[key] = deepcopy(self.chance.choice(ODD))

    def grpc(self) -> bytes:
        """Return a request's message with some of its fields spoilt."""
        request, raw = self.request(), self.chance.random() < 0.6
        message = InferRequest(model_name="rides", id=request.get("id", ""))
        for item in request["inputs"]:
            one = message.inputs.add(name=item["name"], datatype=item["datatype"], shape=item["shape"])
            if raw:
                message.raw_input_contents.append(packed(item))
            else:
                values = [value.encode() if isinstance(value, str) else value for value in item["data"]]
                getattr(one.contents, FIELDS[item["datatype"]]).extend(values)
        for _ in range(self.chance.choice((0, 1, 1, 1, 3))):
            self.spoil_message(message)
        return bytes(message.SerializeToString())

    def spoil_message(self, message: Any) -> None:
        if not message.inputs:
            message.model_name = "ride"
            return
        item = self.chance.choice(message.inputs)
        match self.chance.randrange(9):
            case 0:
                item.name = self.chance.choice(WORDS).replace("\ud800", "?")
            case 1:
                item.datatype = self.chance.choice(("FP32", "FP64", "INT32", "INT64", "BOOL", "BYTES", "UINT8", ""))
            case 2:
                item.shape[:] = [self.chance.choice((0, -1, 1, 2, 2**63 - 1, -(2**63))) for _ in range(3)][1:]
            case 3:
                item.contents.fp64_contents.append(self.chance.choice((float("nan"), float("inf"), 1e308, -0.0)))
            case 4:
                item.contents.bytes_contents.append(self.chance.randbytes(5))
            case 5:
                message.inputs.append(item)
            case 6 if message.raw_input_contents:
                place = self.chance.randrange(len(message.raw_input_contents))
                message.raw_input_contents[place] = self.bytes_changed(message.raw_input_contents[place])
            case 7 if message.raw_input_contents:
                del message.raw_input_contents[-1]
            case _:
                message.outputs.add(name=self.chance.choice(("probability", "x" * 99, "")))

    def bytes_changed(self, body: bytes) -> bytes:
        """Return the bytes with one wound."""
        at = self.chance.randrange(len(body) + 1)
        until = min(len(body), at + self.chance.choice((1, 2, 8, 100)))
        match self.chance.randrange(7):
            case 0:
                return body[:at]
            case 1:
                return body[:at] + body[until:]
            case 2:
                return body[:until] + body[at:]
            case 3:
                return body[:at] + self.chance.choice(JSON_TOKENS) + body[until:]
            case 4:
                return body[:at] + self.chance.randbytes(until - at) + body[until:]
            case 5:
                return body[:at] + self.chance.choice(JSON_TOKENS) + body[at:]
        return body[:at] + bytes(byte ^ 1 << self.chance.randrange(8) for byte in body[at:until]) + body[until:]


SEAM = b"\x00seam\x00"
FIELDS = {"INT64": "int64_contents", "FP64": "fp64_contents", "BYTES": "bytes_contents", "BOOL": "bool_contents"}
PACKED = {"INT64": "<q", "FP64": "<d", "BOOL": "?"}


def packed(item: dict[str, Any]) -> bytes:
    """Return a tensor's values as raw bytes."""
    if item["datatype"] != "BYTES":
        return b"".join(struct.pack(PACKED[item["datatype"]], value) for value in item["data"])
    return b"".join(struct.pack("<I", len(value.encode())) + value.encode() for value in item["data"])
