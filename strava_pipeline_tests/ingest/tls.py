"""An HTTPS server on this machine, with certificates of one's own making: what stands between is a corporate proxy."""

import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

VALID, ENDED, TO_COME = ("20000101", "20981231"), ("20000101", "20010101"), ("20980101", "20981231")
_CONFIG = """
[ca]
default_ca = own
[own]
new_certs_dir = {folder}
database = {folder}/{name}.index
serial = {folder}/{name}.serial
default_md = sha256
policy = any
x509_extensions = signing
[any]
commonName = supplied
[req]
distinguished_name = subject
prompt = no
[subject]
CN = {name}
[signing]
basicConstraints = critical, CA:TRUE
subjectAltName = IP:{host}
"""


def make_certificate(
    folder: Path, name: str, *, span: tuple[str, str] = VALID, host: str = "127.0.0.1"
) -> tuple[Path, Path]:
    """A certificate for `host` that is its own root, valid from day to day; returns (certificate, key)."""
    certificate, key, config = folder / f"{name}.pem", folder / f"{name}.key", folder / f"{name}.cnf"
    config.write_text(_CONFIG.format(folder=folder, name=name, host=host))
    (folder / f"{name}.index").touch()
    (folder / f"{name}.serial").write_text("01")
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    ask = ["req", "-new", *kind, "-keyout", key, "-out", folder / f"{name}.csr"]
    sign = ["ca", "-batch", "-selfsign", "-notext", "-keyfile", key, "-in", folder / f"{name}.csr", "-out", certificate]
    start, end = (f"{day}000000Z" for day in span)
    for words in (ask, [*sign, "-startdate", start, "-enddate", end]):
        subprocess.run(["openssl", *words, "-config", config], check=True, capture_output=True)
    return certificate, key


class _Front(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def https_server(certificate: Path, key: Path) -> Iterator[str]:
    """A server that answers HEAD; yields its address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Front) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"https://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
