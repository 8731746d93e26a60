"""Who this client is to the brokers: by files and variables; one that cannot be used is told, and never a secret."""

import asyncio
import ssl
from pathlib import Path

import pytest

from headgate.adapters.kafka.access import access
from headgate.adapters.kafka.stream import KafkaStream
from headgate.errors import PermanentError, TransientError
from headgate.specs.stream import Sasl, Streaming, Tls
from kafka.people import certificate

SECRET = "open-sesame"


def stream(**settings: object) -> Streaming:
    return Streaming(brokers=("127.0.0.1:1",), requests="requests", answers="answers", dead_letters="dead", **settings)  # type: ignore[arg-type]


def sasl(**where: str) -> Sasl:
    return Sasl(mechanism="SCRAM-SHA-512", user="streamer", **where)


def test_a_password_comes_from_a_file_or_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As secrets are mounted, with a line end or without."""
    (tmp_path / "password").write_text(SECRET + "\n")
    monkeypatch.setenv("KAFKA_PASSWORD", SECRET)

    by_file = access(stream(sasl=sasl(password_file=str(tmp_path / "password"))))
    by_variable = access(stream(sasl=sasl(password_env="KAFKA_PASSWORD")))

    assert by_file == by_variable
    assert ("SASL_PLAINTEXT", "streamer", SECRET) == (
        by_file["security_protocol"],
        by_file["sasl_plain_username"],
        by_file["sasl_plain_password"],
    )


def test_tls_checks_names_and_trusts_whom_it_is_told_to() -> None:
    """Without a CA of its own, whom the machine trusts."""
    made = access(stream(tls=Tls()))

    assert ("SSL", True, ssl.CERT_REQUIRED) == (
        made["security_protocol"],
        made["ssl_context"].check_hostname,
        made["ssl_context"].verify_mode,
    )


UNUSABLE = {
    "no CA file": (stream(tls=Tls(ca="nowhere.pem")), "tls cannot be used: no such file", "nowhere.pem"),
    "no password file": (stream(sasl=sasl(password_file="nowhere")), "no password can be read in file 'nowhere'", ""),
    "no variable": (stream(sasl=sasl(password_env="NOT_SET")), "environment variable 'NOT_SET' holds no password", ""),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_what_cannot_be_used_is_named(case: str) -> None:
    """Before any broker is asked."""
    settings, said, found = UNUSABLE[case]

    with pytest.raises(PermanentError, match=said) as caught:
        KafkaStream(settings, "group")

    assert found in str(caught.value.found)


def test_a_ca_that_is_no_pem_is_named(tmp_path: Path) -> None:
    """And so is an empty password."""
    (tmp_path / "ca.pem").write_text("nonsense")
    (tmp_path / "password").write_text("\n")

    with pytest.raises(PermanentError, match="tls cannot be used"):
        access(stream(tls=Tls(ca=str(tmp_path / "ca.pem"))))
    with pytest.raises(PermanentError, match="holds no password"):
        access(stream(sasl=sasl(password_file=str(tmp_path / "password"))))


def test_brokers_that_nobody_answers_at_may_be_tried_again() -> None:
    """With the reason that the library only logs."""

    async def open_and_close() -> TransientError:
        one = KafkaStream(stream(), "group")
        try:
            with pytest.raises(TransientError, match="cannot reach the brokers") as caught:
                await one.open()
        finally:
            await one.close()
        return caught.value

    assert "127.0.0.1:1" in str(asyncio.run(open_and_close()).found)


def test_a_clients_own_certificate_is_shown_and_one_without_its_key_is_named(tmp_path: Path) -> None:
    """Where brokers ask for one."""
    ca = certificate(tmp_path)  # broker.pem has a key and its certificate, as good for a client

    made = access(
        stream(tls=Tls(ca=str(ca), certificate=str(tmp_path / "broker.pem"), key=str(tmp_path / "broker.pem")))
    )

    assert len(made["ssl_context"].get_ca_certs()) == 1
    with pytest.raises(PermanentError, match="tls cannot be used") as caught:
        access(stream(tls=Tls(certificate=str(ca), key=str(ca))))
    assert str(ca) in str(caught.value.found)
