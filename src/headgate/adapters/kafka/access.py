"""Who this client is to Kafka's brokers: TLS and SASL by files and environment variables that settings name."""

import os
import ssl
from pathlib import Path
from typing import Any

from headgate.errors import PermanentError
from headgate.specs.stream import Brokers, Sasl, Tls


def access(known: Brokers) -> dict[str, Any]:
    """Return what consumer and producer are both made with; PermanentError names a file that cannot be used."""
    kind = ("SASL_" if known.sasl else "") + ("SSL" if known.tls else "PLAINTEXT")
    made: dict[str, Any] = {"bootstrap_servers": list(known.brokers), "security_protocol": kind}
    if known.tls:
        made["ssl_context"] = context(known.tls)
    if known.sasl:
        made |= {
            "sasl_mechanism": known.sasl.mechanism,
            "sasl_plain_username": known.sasl.user,
            "sasl_plain_password": password(known.sasl),
        }
    return made


def context(tls: Tls) -> ssl.SSLContext:
    """Return whom to trust, and what to show; names are checked."""
    try:
        made = ssl.create_default_context(cafile=tls.ca)
        if tls.certificate:
            made.load_cert_chain(tls.certificate, tls.key)
    except OSError as err:
        files = ", ".join(repr(path) for path in (tls.ca, tls.certificate, tls.key) if path)
        raise PermanentError(
            f"tls cannot be used: {(err.strerror or str(err)).lower()}",
            found=files,
            next_step="give PEM files: whom to trust, and this client's own certificate with its key",
        ) from err
    return made


def password(sasl: Sasl) -> str:
    """Return the password, read where the settings say; it is in no message, nor in any other place."""
    if sasl.password_env:
        found, where = os.environ.get(sasl.password_env, ""), f"environment variable {sasl.password_env!r}"
    else:
        where = f"file {sasl.password_file!r}"
        try:
            found = Path(str(sasl.password_file)).read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
        except (OSError, UnicodeDecodeError) as err:
            raise PermanentError(f"no password can be read in {where}: {type(err).__name__}") from err
    if not found:
        raise PermanentError(f"{where} holds no password", next_step="mount the secret that `sasl` names")
    return found
