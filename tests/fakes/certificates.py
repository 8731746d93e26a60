"""A certificate authority for one test, with one server and whom it lets in."""

import datetime as dt
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HERE = ipaddress.ip_address("127.0.0.1")


class Authority:
    """Writes `<name>.crt` and `<name>.key` beside its own `ca.crt`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = named("tests")
        self.write("ca", self.key, self.builder(self.name, self.key).sign(self.key, hashes.SHA256()))

    def issue(self, name: str) -> tuple[str, str]:
        """Return the files of a certificate for this machine."""
        key = ec.generate_private_key(ec.SECP256R1())
        here = x509.SubjectAlternativeName([x509.IPAddress(HERE)])
        made = self.builder(named(name), key).add_extension(here, critical=False).sign(self.key, hashes.SHA256())
        return self.write(name, key, made)

    def builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        is_ca = x509.BasicConstraints(ca=subject == self.name, path_length=None)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(hours=1))
            .add_extension(is_ca, critical=True)
        )

    def write(self, name: str, key: ec.EllipticCurvePrivateKey, made: x509.Certificate) -> tuple[str, str]:
        files = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        files[1].write_bytes(key.private_bytes(*form))
        return str(files[0]), str(files[1])


def named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
