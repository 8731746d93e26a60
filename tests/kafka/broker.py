"""One Apache Kafka of this machine: broker and controller in one process, on ports that were free when it began."""

import shutil
import signal
import socket
import subprocess
import time
from contextlib import closing
from pathlib import Path

from kafka.jars import jars
from kafka.people import PASSWORDS, certificate

JVM = ("-Xmx256m", "-Xss512k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j2.level=WARN")
CLUSTER = "aGVhZGdhdGUtdGVzdHMtMQ"
STARTED_SECONDS = 90.0

PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=OPEN://127.0.0.1:{open},CLOSED://127.0.0.1:{closed},CONTROLLER://127.0.0.1:{controller}
listener.security.protocol.map=OPEN:PLAINTEXT,CLOSED:SASL_SSL,CONTROLLER:PLAINTEXT
inter.broker.listener.name=OPEN
log.dirs={folder}/log
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:streamer
ssl.keystore.type=PEM
ssl.keystore.location={folder}/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location={folder}/ca.pem
ssl.client.auth=none
sasl.enabled.mechanisms=PLAIN
listener.name.closed.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required {users};
"""


class Broker:
    """A broker that tests start, end and kill; who comes in by OPEN may do all, by CLOSED what its name may."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {name: free_port() for name in ("open", "closed", "controller")}
        self.process: subprocess.Popen[bytes] | None = None
        self.ca = certificate(folder)
        users = " ".join(f'user_{user}="{password}"' for user, password in PASSWORDS.items())
        self.properties = folder / "server.properties"
        self.properties.write_text(PROPERTIES.format(folder=folder, users=users, **self.ports))
        self.java("kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(self.properties)).wait()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.ports['open']}"

    @property
    def closed_address(self) -> str:
        return f"localhost:{self.ports['closed']}"

    def java(self, *arguments: str) -> "subprocess.Popen[bytes]":
        with (self.folder / "broker.log").open("ab") as log:
            command = ["java", *JVM, "-cp", f"{jars()}/*", *arguments]
            return subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.folder)

    def start(self) -> "Broker":
        """Start it, on the same ports and with what it kept."""
        self.process = self.java("kafka.Kafka", str(self.properties))
        until = time.monotonic() + STARTED_SECONDS
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"the broker did not start:\n{(self.folder / 'broker.log').read_text()[-4000:]}")
            time.sleep(0.2)
        return self

    def answers(self) -> bool:
        with closing(socket.socket()) as one:
            return one.connect_ex(("127.0.0.1", self.ports["open"])) == 0

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End this very process, and wait for its end."""
        if self.process:
            self.process.send_signal(how)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def end(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as one:
        return int(one.getsockname()[1])
