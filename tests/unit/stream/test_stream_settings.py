"""stream.yaml: what does not go together is refused before anything runs, and no secret is repeated."""

import pytest

from headgate.errors import PermanentError
from headgate.specs.reading import parse
from headgate.specs.stream import Streaming, checked

KAFKA = "brokers: ['kafka:9092']\nrequests: requests\nanswers: answers\ndead_letters: dead\n"
FOLDER = KAFKA.replace("brokers: ['kafka:9092']", "folder: topics")
SASL = "sasl: {mechanism: PLAIN, user: me"

WRONG = {
    "the requests are the answers": (KAFKA.replace("answers: answers", "answers: requests"), "names a topic twice"),
    "neither brokers nor folder": (KAFKA.replace("brokers: ['kafka:9092']\n", ""), "either `brokers` or `folder`"),
    "both": (KAFKA + "folder: topics\n", "either `brokers` or `folder`"),
    "a folder with a password": (FOLDER + SASL + ", password_env: X}\n", "a folder asks for neither"),
    "a certificate without its key": (KAFKA + "tls: {certificate: a.pem}\n", "tls.certificate and tls.key"),
    "a user without a password": (KAFKA + SASL + "}\n", "either `password_file` or `password_env`"),
    "two passwords": (KAFKA + SASL + ", password_env: X, password_file: x}\n", "either `password_file` or"),
    "a password in the file": (KAFKA + SASL + ", password: hunter2}\n", "unknown key 'sasl.password'"),
    "a password in the address": (KAFKA.replace("kafka:9092", "me:hunter2@kafka:9092"), "no `host:port`"),
    "a URL": (KAFKA.replace("kafka:9092", "kafka://kafka:9092"), "no `host:port`"),
    "no port": (KAFKA.replace("kafka:9092", "kafka"), "no `host:port`"),
    "an unknown mechanism": (KAFKA + SASL.replace("PLAIN", "GSSAPI") + ", password_env: X}\n", "expected PLAIN"),
    "no topic's name": (KAFKA.replace("answers: answers", "answers: 'my answers'"), "answers"),
    "a topic of dots": (KAFKA.replace("answers: answers", "answers: '..'"), "answers"),
    "nothing at a time": (KAFKA + "batch_messages: 0\n", "batch_messages"),
    "no topic for dead letters": (KAFKA.replace("dead_letters: dead\n", ""), "dead_letters"),
}


@pytest.mark.parametrize("case", WRONG)
def test_settings_that_cannot_be_meant_are_refused(case: str) -> None:
    """With the setting's name, and without repeating what may be a password."""
    text, said = WRONG[case]

    with pytest.raises(PermanentError) as caught:
        checked(parse(text, Streaming, "stream.yaml"))

    assert said in "\n".join(caught.value.lines())
    assert "hunter2" not in "\n".join(caught.value.lines())


@pytest.mark.parametrize("text", [KAFKA, FOLDER, KAFKA + SASL + ", password_file: x}\ntls: {}\n"])
def test_settings_that_go_together_are_read(text: str) -> None:
    """Kafka with and without TLS and SASL, or a folder."""
    assert checked(parse(text, Streaming, "stream.yaml")).requests == "requests"
