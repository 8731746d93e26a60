"""What becomes of a request that tells labels: admitted, kept, and only then answered."""

import time
from pathlib import Path

from headgate.serve.logs.desk import Desk
from headgate.serve.logs.label_log import LabelLog, LabelSegment
from headgate.serve.logs.room import Room
from headgate.serve.protocols.v2 import ENCODER
from headgate.serve.refusal import RefusalError
from headgate.specs.contract import Contract
from headgate.specs.service import Service


class Telling:
    """Takes labels for one service."""

    def __init__(self, desk: Desk, log: LabelLog) -> None:
        self.desk = desk
        self.log = log

    def take(self, body: bytes) -> bytes:
        """Return the answer once the labels are on the disk; RefusalError when they are wrong, or it has no room."""
        now = time.time_ns() // 1000
        labels = self.desk.admit(body, now)
        try:
            self.log.keep(labels, now)
        except OSError as err:
            raise RefusalError(
                f"the labels could not be written: {err.strerror}; tell them again later", status=503, reason="overload"
            ) from err
        return ENCODER.encode({"accepted": len(labels.id)})


def telling_of(contract: Contract, spec: Service, log_dir: Path, room: Room) -> Telling:
    """Return who takes a server's labels, where its answers are logged."""
    desk = Desk(contract, spec)
    segment = LabelSegment(labels=desk.label, service=spec.service, type=desk.promise.type)
    return Telling(desk, LabelLog(log_dir, segment, room))
