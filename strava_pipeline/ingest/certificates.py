"""Trusted certificates: the contents of a bundle file, and a bundle joined from the public and corporate ones.

A bundle is a file of PEM blocks. Nothing is written and nothing is sent here; a private key in a file with its
certificates is never copied.
"""

import re
import ssl
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import certifi

from strava_pipeline.core.errors import MissingSettingsError
from strava_pipeline.core.facts import Fact, ok, problem, warning

BUNDLE = "certificates"
PUBLIC = Path(certifi.where())  # trusted by default
_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def bundle_health(chosen: Path | None, now: datetime) -> Fact:
    """Whether the bundle in use can be read and contains valid certificates; None: the public ones."""
    path = chosen or PUBLIC
    again = "Join it again: strava-pipeline doctor --make-ca-bundle FILE…"
    if chosen is None:
        again = "Install the package `certifi` again, or name another bundle in REQUESTS_CA_BUNDLE."
    try:
        found = _certificates(path)
    except ssl.SSLError:  # also an OSError
        return problem(BUNDLE, f"{path} holds a certificate that is damaged.", again)
    except OSError as error:
        return problem(BUNDLE, f"{path} can't be read ({error.strerror}).", again)
    if not found:
        return problem(BUNDLE, f"{path} holds no certificate (PEM).", again)
    own = set(found) - (set(_certificates(PUBLIC)) if chosen else set(found))
    expired = sorted(name for name, end in _signing(own) if end < now)
    summary = f"{path}: {len(found)} certificates, " + (
        "the public ones; beside them, what this machine trusts counts" if chosen is None else f"{len(own)} not public"
    )
    if expired and len(expired) == len(own):  # one of several may be an old root that nothing rests on any more
        fix = f"Ask whoever runs the proxy for the current ones. {again}"
        return warning(BUNDLE, f"{summary}, all of them expired: {', '.join(expired)}.", fix)
    return ok(BUNDLE, summary)


def join_bundle(files: Sequence[Path]) -> bytes:
    """The public certificates and those of `files`, each once, as one bundle; the same for the same files.

    Raises MissingSettingsError for a file that can't be read, holds no certificate, or a damaged one.
    """
    blocks = dict.fromkeys(_certificates(PUBLIC))
    for path in files:
        try:
            found = _certificates(path)
        except ssl.SSLError:
            raise MissingSettingsError(f"{path} holds a certificate that is damaged; get the file again.") from None
        except OSError as error:
            raise MissingSettingsError(f"{path} can't be read ({error.strerror}).") from None
        if not found:
            raise MissingSettingsError(
                f"{path} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----). If it is the binary form: "
                f"openssl x509 -inform der -in {path} -out {path.with_suffix('.pem')}"
            )
        blocks |= dict.fromkeys(found)
    return "".join(map(ssl.DER_cert_to_PEM_cert, blocks)).encode()


def _certificates(path: Path) -> list[bytes]:
    """The certificates in a file, in binary form, in order. Raises ssl.SSLError for a damaged one."""
    found = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # one for all: making it costs as much as reading a certificate
    for block in _BLOCK.findall(path.read_bytes()):
        try:
            binary = ssl.PEM_cert_to_DER_cert(block.decode("ascii"))
        except ValueError as error:  # no ASCII, no base64
            raise ssl.SSLError(1, "not a certificate") from error
        context.load_verify_locations(cadata=binary)
        found.append(binary)
    return found


def _signing(certificates: Iterable[bytes]) -> Iterator[tuple[str, datetime]]:
    """The certificates that may sign others: the owner of each, and when (UTC) it ends."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for binary in certificates:
        context.load_verify_locations(cadata=binary)
    for certificate in context.get_ca_certs():
        parts: Any = certificate["subject"]  # typed more loosely than it is
        subject: dict[str, str] = dict(pair for part in parts for pair in part)
        end = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
        yield subject.get("commonName") or subject.get("organizationName") or "one without a name", end
