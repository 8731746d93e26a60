"""Makes the certificates of one cluster, and the kubeconfig of its administrator."""

import datetime as dt
import ipaddress
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cluster.site import DOMAIN, Site

Key = ec.EllipticCurvePrivateKey
LIFE = dt.timedelta(days=30)


def certify(site: Site) -> None:
    """Write `pki/{ca,server,admin,aggregator}.{crt,key}`, the service accounts' key, and `kubeconfig`."""
    folder = site.room("pki")
    key, ca = _authority()
    _write(folder, "ca", key, ca)
    service = str(next(ipaddress.ip_network(site.services).hosts()))
    names = [
        "localhost",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        f"kubernetes.default.svc.{DOMAIN}",
    ]
    _issue(folder, "server", (key, ca), "headgate", None, names=names, addresses=["127.0.0.1", site.gateway, service])
    _issue(folder, "admin", (key, ca), "admin", "system:masters")
    _issue(folder, "aggregator", (key, ca), "front-proxy-client", None)
    _write(folder, "accounts", ec.generate_private_key(ec.SECP256R1()), None)
    site.kubeconfig.write_text(yaml.safe_dump(_kubeconfig(site)))
    site.kubeconfig.chmod(0o600)


def _kubeconfig(site: Site) -> dict[str, object]:
    pki = site.folder / "pki"
    cluster = {"server": f"https://{site.address('apiserver')}", "certificate-authority": str(pki / "ca.crt")}
    user = {"client-certificate": str(pki / "admin.crt"), "client-key": str(pki / "admin.key")}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "headgate",
        "contexts": [{"name": "headgate", "context": {"cluster": "headgate", "user": "admin"}}],
        "clusters": [{"name": "headgate", "cluster": cluster}],
        "users": [{"name": "admin", "user": user}],
    }


def _builder(name: x509.Name, issuer: x509.Name, key: Key) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + LIFE)
    )


def _authority() -> tuple[Key, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "headgate test authority")])
    builder = _builder(name, name, key).add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return key, builder.sign(key, hashes.SHA256())


def _issue(
    folder: Path,
    file: str,
    authority: tuple[Key, x509.Certificate],
    name: str,
    group: str | None,
    *,
    names: list[str] | None = None,
    addresses: list[str] | None = None,
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    subject += [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group)] if group else []
    uses = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    builder = _builder(x509.Name(subject), authority[1].subject, key).add_extension(uses, critical=False)
    known: list[x509.GeneralName] = [x509.DNSName(one) for one in names or []]
    known += [x509.IPAddress(ipaddress.ip_address(one)) for one in addresses or []]
    if known:
        builder = builder.add_extension(x509.SubjectAlternativeName(known), critical=False)
    _write(folder, file, key, builder.sign(authority[0], hashes.SHA256()))


def _write(folder: Path, file: str, key: Key, certificate: x509.Certificate | None) -> None:
    form = serialization.PrivateFormat.TraditionalOpenSSL  # the API server reads no PKCS8 here
    secret = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    (folder / f"{file}.key").touch(mode=0o600)
    (folder / f"{file}.key").write_bytes(secret)
    if certificate:
        (folder / f"{file}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
