"""The certificate and key for the dashboard's own https: whether both can be used, before anything listens.

uvicorn reads them again when it starts; its errors would not say which file is wrong, or how.
"""

import ssl
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from cryptography import x509

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.environment.private_files import NotPrivateError, read_private
from strava_pipeline.environment.settings import Settings


def check_certificate(settings: Settings, now: datetime) -> None:
    """Raise MisuseError if DASHBOARD_CERT and DASHBOARD_KEY can't be used at `now`, with the file and what to do."""
    if settings.dashboard_cert is None or settings.dashboard_key is None:
        absent = "DASHBOARD_CERT" if settings.dashboard_cert is None else "DASHBOARD_KEY"
        raise MisuseError(f"{absent} is not set. A certificate and its key belong together: set both, or neither.")
    certificate, key = read_certificate(settings.dashboard_cert), settings.dashboard_key
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not begins <= now < ends:
        raise MisuseError(
            f"The certificate in {settings.dashboard_cert} is valid from {begins:%Y-%m-%d} to {ends:%Y-%m-%d}. Renew it, or set "
            "this machine's clock."
        )
    _content(key, "DASHBOARD_KEY", read_private)
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(settings.dashboard_cert, key, password=lambda: "")  # nobody is asked for a passphrase
    except ssl.SSLError as error:
        raise MisuseError(
            f"DASHBOARD_KEY: {key} is not the key of the certificate in {settings.dashboard_cert}, in PEM form and without a "
            f"passphrase ({error.reason})."
        ) from error


def read_certificate(path: Path) -> x509.Certificate:
    """The first certificate of a file, which is the server's own. Raises MisuseError if there is none."""
    try:
        return x509.load_pem_x509_certificate(_content(path, "DASHBOARD_CERT", Path.read_bytes))
    except ValueError as error:
        raise MisuseError(f"DASHBOARD_CERT: {path} holds no certificate in PEM form.") from error


def _content(path: Path, setting: str, read: Callable[[Path], bytes]) -> bytes:
    try:
        return read(path)
    except NotPrivateError as error:
        raise MisuseError(f"{setting}: {error}") from error
    except OSError as error:
        raise MisuseError(f"{setting}: {path} can't be read ({error.strerror}).") from error
