"""A model that an image of the owner's own answers for, over V2: where the operator says, and held to its golden rows.

The package holds predictor.json and golden.json: rows with what the image said of them when the model was trained. No
answer is taken of a server that did not just say the same, so that another image never answers in its name.
"""

import os
import threading
import time
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from headgate.errors import HeadgateError, PermanentError, TransientError
from headgate.models.formats import Matrix
from headgate.models.packed import FILES
from headgate.models.signature import Signature
from headgate.models.v2_golden import GOLDEN, TOLERANCE, Golden, differing, read
from headgate.models.v2_line import ADDRESS, NEVER, Address, Line, Reply, StaleError, addresses, away
from headgate.models.v2_words import LENGTH, numbers, request
from headgate.specs.predictor import PredictorImage, described

ROWS, BYTES = 1024, 2 << 20
"""Of one request."""
SECONDS = 5.0
"""A request's whole time, from connecting to the last byte."""
TRYING_SECONDS = 1.5
"""Of a readiness probe, which waits for no longer itself."""
GRACE_SECONDS = 1.0
"""A server that closes each connection is asked its golden rows again no sooner."""
PASSING = {408, 429, 502, 503, 504}


def open_model(files: Mapping[str, bytes], signature: Signature, threads: int) -> "Sought":  # noqa: ARG001 - the image has its own
    """Return the predictor that answers for this model, looked for at the operator's addresses once it is asked."""
    image = image_of(files)
    refuse_inputs(image, signature)
    return Sought(image, signature, read(files[GOLDEN], signature) if GOLDEN in files else None)


class Sought:
    """A model that is answered for somewhere: who reads no more than what it takes and gives needs not know where."""

    def __init__(self, image: PredictorImage, signature: Signature, golden: Golden | None) -> None:
        self.image = image
        self.signature = signature
        self.golden = golden
        self.found: Remote | None = None

    def __call__(self, matrix: Matrix) -> Any:
        """Return raw predictions."""
        return self.remote()(matrix)

    def check(self) -> None:
        """Raise an error that says why nobody answers for the model, or where."""
        if self.found is None:
            self.remote()
        else:
            self.found.check()

    def remote(self) -> "Remote":
        if self.found is None:
            places = addresses(os.environ.get(ADDRESS, ""))
            if not places:
                raise PermanentError(
                    f"model {self.image.model!r} is answered for by an image of its own, and {ADDRESS} does not say "
                    "where it runs",
                    found=self.image.image,
                    next_step=f"run that image, then set {ADDRESS}=http://127.0.0.1:<port>",
                )
            self.found = first([Remote(place, self.image, self.signature, self.golden) for place in places])
        return self.found


def image_of(files: Mapping[str, bytes]) -> PredictorImage:
    """Return what a package's predictor.json says."""
    try:
        return described(files[FILES["v2"]].decode())
    except (KeyError, UnicodeDecodeError) as err:
        raise PermanentError(f"the package has no readable {FILES['v2']}") from err


def refuse_inputs(image: PredictorImage, signature: Signature) -> None:
    """Refuse tensors that are not the service's features in their order."""
    names = [tensor.name for tensor in image.inputs]
    if len(names) > 1 and names != list(signature.names):
        raise PermanentError(
            "predictor.json's inputs are not the service's features in their order",
            found=f"predictor: {', '.join(names[:20])}; service: {', '.join(signature.names[:20])}",
            next_step="name one tensor of all features, or one for each feature as train.names has them",
        )


def first(remotes: list["Remote"]) -> "Remote":
    """Return the first that stands its test: several images may run side by side, as champion and candidate do."""
    troubles: list[HeadgateError] = []
    for remote in remotes:
        try:
            remote.check(SECONDS)
        except HeadgateError as err:
            troubles.append(err)
        else:
            return remote
    if len(troubles) == 1:
        raise troubles[0]
    kind = TransientError if any(isinstance(each, TransientError) for each in troubles) else PermanentError
    raise kind(
        f"none of the {len(remotes)} predictors answers for model {remotes[0].image.model!r}",
        found="; ".join(each.message for each in troubles)[:1000],
        next_step=f"run {remotes[0].image.image} at one of the addresses of {ADDRESS}",
    )


class Remote:
    """A model at work elsewhere; each thread has a connection of its own."""

    def __init__(self, address: Address, image: PredictorImage, signature: Signature, golden: Golden | None) -> None:
        self.address = address
        self.image = image
        self.signature = signature
        self.golden = golden
        self.path = f"/v2/models/{image.model}" + (f"/versions/{image.version}" if image.version else "")
        self.is_binary = False
        self.doubts = 0
        self.met_at = float("-inf")
        self.own = threading.local()

    def __call__(self, matrix: Matrix) -> Any:
        """Return raw predictions; TransientError while nobody answers, PermanentError where the answer is wrong."""
        step = max(1, min(ROWS, BYTES // (8 * matrix.shape[1])))
        parts = [self.asked(matrix[start : start + step], SECONDS) for start in range(0, len(matrix), step)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def check(self, seconds: float = TRYING_SECONDS) -> None:
        """Ask for readiness and the golden rows now; an error says why this is not the predictor, or where it is."""
        until = time.monotonic() + seconds
        self.again_if_stale(lambda: self.meet(self.line(), until))

    def asked(self, matrix: Matrix, seconds: float) -> Any:
        """Return one request's numbers, over a connection at whose other end the golden rows were answered."""
        line, until = self.line(), time.monotonic() + seconds

        def of_the_right_one() -> Any:
            if line.vouched != self.doubts and time.monotonic() - self.met_at > GRACE_SECONDS:
                self.meet(line, until)
            return self.inferred(line, matrix, until)

        return self.again_if_stale(of_the_right_one)

    def again_if_stale(self, do: Any) -> Any:
        """Return what is done, on a new connection where the kept one was closed meanwhile; nothing else is retried."""
        try:
            try:
                return do()
            except StaleError:
                self.doubt()
                return do()
        except StaleError as err:
            raise away(self.address, "it hangs up") from err
        except TransientError:
            self.doubt()
            raise

    def doubt(self) -> None:
        """Have every connection meet its golden rows again before an answer of it counts."""
        self.doubts, self.met_at = self.doubts + 1, float("-inf")

    def line(self) -> Line:
        if not hasattr(self.own, "line"):
            self.own.line = Line(self.address)
        found: Line = self.own.line
        return found

    def meet(self, line: Line, until: float) -> None:
        """Have the server say that it is ready, which extensions it knows, and the golden answers."""
        doubts = self.doubts
        try:
            self.get(line, f"{self.path}/ready", until)
            self.is_binary = b"binary_tensor_data" in self.get(line, "/v2", until).body
            if self.golden is not None:
                self.refuse_swapped(self.golden, self.inferred(line, self.golden.matrix, until))
        except PermanentError:
            self.doubt()
            raise
        line.vouched, self.met_at = doubts if line.is_open else NEVER, time.monotonic()

    def get(self, line: Line, path: str, until: float) -> Reply:
        reply = line.ask("GET", path, b"", {}, until=until, most_bytes=1 << 20)
        refuse_status(reply, self.address, path)
        return reply

    def inferred(self, line: Line, matrix: Matrix, until: float) -> Any:
        content, headers = request(matrix, self.image, binary=self.is_binary)
        path, most = f"{self.path}/infer", (1 << 16) + len(matrix) * max(2, len(self.signature.classes)) * 40
        reply = line.ask("POST", path, content, headers, until=until, most_bytes=most)
        refuse_status(reply, self.address, path)
        return numbers(reply.body, reply.headers.get(LENGTH), self.image, self.signature, len(matrix))

    def refuse_swapped(self, golden: Golden, raw: Any) -> None:
        """Refuse a predictor that says anything else of the golden rows than the one that was trained."""
        worst = differing(golden, raw, self.signature)
        if worst > TOLERANCE:
            raise PermanentError(
                f"the predictor at {self.address} is not the one that this model was trained with: of its golden rows "
                f"it says something else by up to {worst:.3g}, allowed {TOLERANCE:g}",
                next_step=f"run {self.image.image} there",
            )


def refuse_status(reply: Reply, address: Address, path: str) -> None:
    """Refuse everything but 200; what may pass is a TransientError."""
    if reply.status == 200:
        return
    if 300 <= reply.status < 400:
        raise PermanentError(
            f"the predictor at {address} redirects {path} to another place, and that is never followed",
            next_step=f"say in {ADDRESS} where it answers itself",
        )
    if reply.status in PASSING:
        raise away(address, f"{path} got {reply.status}: {told(reply.body)}")
    refusal = PermanentError(f"the predictor at {address} answered {path} with {reply.status}: {told(reply.body)}")
    raise refusal from ValueError(f"HTTP {reply.status}")  # of these rows, it may be: others may well be answered


def told(body: bytes) -> str:
    """Return a server's own words, cut."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        document = None
    said = document.get("error") if isinstance(document, dict) else None
    return " ".join(str(said or body[:200].decode(errors="replace")).split())[:200] or "nothing said"
