"""Certificates are checked, over a real connection and whatever the environment says."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from reconciler.azure.bounds import bounded_session
from reconciler.azure.session import _trusted


@pytest.fixture
def impostor(tmp_path: Path) -> Iterator[str]:
    """A server on this machine with a certificate that it made itself; yields its address."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "pair.pem").write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pair.pem")
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            with suppress(OSError), context.wrap_socket(plain, server_side=True) as connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    threading.Thread(target=serve, daemon=True).start()
    yield f"https://localhost:{listener.getsockname()[1]}/"
    listener.close()


@pytest.mark.parametrize("variable", ["", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "PYTHONHTTPSVERIFY"])
def test_a_certificate_that_nobody_vouches_for_is_refused_whatever_is_set(
    impostor: str, variable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if variable:
        monkeypatch.setenv(variable, "0" if variable.startswith("PYTHON") else "")
    with pytest.raises(requests.exceptions.SSLError):
        bounded_session(use_environment=True).get(impostor, timeout=5)
    _trusted.cache_clear()
    with (
        httpx2.Client(verify=_trusted(environment=True)) as client,
        pytest.raises(httpx2.ConnectError, match="certificate"),
    ):
        client.get(impostor)
    _trusted.cache_clear()
    pair = str(tmp_path / "pair.pem")
    assert requests.get(impostor, verify=pair, timeout=5).json() == {}, "it would answer who trusts it"
