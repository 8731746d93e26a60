"""Tells Headgate's receiver of a pushed commit, when its image is there: what a forge's webhook says, but not too soon.

Run by a model repo's CI: `python -m headgate.scaffold.pushed`; what it says is in the environment.
"""

import hashlib
import hmac
import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping

WAITS_SECONDS = (1.0, 5.0, 25.0)
"""Before each further try: a receiver that restarts is back in half a minute."""
WANTED = ("HEADGATE_RECEIVER", "HEADGATE_PUSH_SECRET", "REPOSITORY", "REF", "COMMIT")


def letter(said: Mapping[str, str]) -> urllib.request.Request:
    """Return the signed request."""
    told = {"ref": said["REF"], "after": said["COMMIT"], "repository": {"full_name": said["REPOSITORY"]}}
    body = json.dumps(told).encode()
    signature = hmac.new(said["HEADGATE_PUSH_SECRET"].encode(), body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={signature}"}
    return urllib.request.Request(  # noqa: S310 - the URL is the CI's own
        f"{said['HEADGATE_RECEIVER'].rstrip('/')}/push", body, headers, method="POST"
    )


def send(request: urllib.request.Request) -> str:
    """Return the receiver's answer; only what may pass is tried again, and the Workflow's name keeps it to one run."""
    for wait in (*WAITS_SECONDS, None):
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
                return str(answer.read().decode())
        except urllib.error.HTTPError as err:
            with err:
                said = f"the receiver answered {err.code}: {err.read()[:300].decode(errors='replace')}"
            if err.code < 500 or wait is None:
                raise SystemExit(said) from err
        except OSError as err:
            if wait is None:
                raise SystemExit(f"the receiver does not answer: {err}") from err
        time.sleep(wait)
    raise AssertionError("the last try has no wait")


def main() -> None:
    """Say what the environment says."""
    if absent := [name for name in WANTED if not os.environ.get(name)]:
        raise SystemExit(f"no {', '.join(absent)} in the environment")
    sys.stdout.write(send(letter(os.environ)) + "\n")


if __name__ == "__main__":
    main()
