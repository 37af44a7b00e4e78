"""Certificates: whether the server can be told to be itself, what a bundle holds, and a bundle join_bundle from files."""

import shutil
import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest

from strava_pipeline.core.errors import MissingSettingsError
from strava_pipeline.core.facts import State
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.certificates import PUBLIC, bundle_health, join_bundle
from strava_pipeline.ingest.strava.access import server_health
from strava_pipeline_tests.ingest.tls import ENDED, TO_COME, VALID, https_server, make_certificate

TODAY = datetime(2026, 3, 10, tzinfo=UTC)
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificates")


@pytest.fixture
def no_bundle_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)


@needs_openssl
@pytest.mark.usefixtures("no_bundle_of_the_host")
@pytest.mark.parametrize(
    ("certificate", "trusted", "what", "mend"),
    [
        ({}, True, "its certificate is good", None),
        ({}, False, "is not trusted by the bundle in use", "--make-ca-bundle FILE…"),
        ({"span": ENDED}, True, "has expired by this machine's clock", "set the clock"),
        ({"span": TO_COME}, True, "is not valid yet by this machine's clock", "set the clock"),
        ({"host": "127.0.0.2"}, True, "is for another host than 127.0.0.1", "STRAVA_BASE_URL"),
    ],
)
def test_the_server_is_itself_only_by_a_valid_certificate_of_the_bundle(
    tmp_path: Path, certificate: dict[str, str], trusted: bool, what: str, mend: str | None
) -> None:
    made, key = make_certificate(tmp_path, "corporate", **certificate)
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(join_bundle([made] if trusted else []))
    with https_server(made, key) as url:
        found, _ = server_health(Settings.load(_env_file=None, base_url=url, ca_bundle=bundle))
    assert what in found.text
    assert (found.state, found.advice is None) == ((State.OK, True) if mend is None else (State.PROBLEM, False))
    assert mend is None or mend in str(found.advice)


@needs_openssl
@pytest.mark.usefixtures("no_bundle_of_the_host")
@pytest.mark.parametrize(("named", "state"), [(True, State.PROBLEM), (False, State.OK)])
def test_without_a_bundle_what_the_machine_trusts_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: bool, state: State
) -> None:
    made, key = make_certificate(tmp_path, "corporate")
    monkeypatch.setenv("SSL_CERT_FILE", str(made))  # where OpenSSL looks for what the machine trusts
    with https_server(made, key) as url:
        found, _ = server_health(Settings.load(_env_file=None, base_url=url, ca_bundle=PUBLIC if named else None))
    assert found.state is state


@needs_openssl
def test_a_joined_bundle_holds_the_public_certificates_and_each_given_one_once(tmp_path: Path) -> None:
    root, key = make_certificate(tmp_path, "root")
    chain = tmp_path / "chain.pem"
    chain.write_bytes(b"# our proxy\n" + key.read_bytes() + root.read_bytes() + root.read_bytes())
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(join_bundle([chain, root]))
    public = PUBLIC.read_bytes().count(b"BEGIN CERTIFICATE")
    assert bundle.read_bytes().count(b"BEGIN CERTIFICATE") == public + 1
    assert b"PRIVATE" not in bundle.read_bytes()
    assert join_bundle([bundle]) == bundle.read_bytes()  # made from itself it stays the same
    ssl.create_default_context(cafile=bundle)
    assert bundle_health(bundle, TODAY).text.endswith(f"{public + 1} certificates, 1 not public")


@needs_openssl
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "can't be read"),
        (b"", "no certificate in PEM form"),
        (b"\x30\x82\x03\x05", "openssl x509 -inform der"),
        (b"-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----\n", "is damaged"),
        (b"-----BEGIN CERTIFICATE-----\n\xff*\n-----END CERTIFICATE-----\n", "is damaged"),
    ],
)
def test_a_file_without_a_whole_certificate_is_refused(tmp_path: Path, content: bytes | None, says: str) -> None:
    good, _ = make_certificate(tmp_path, "root")
    file = tmp_path / "given.cer"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(MissingSettingsError, match=says):
        join_bundle([good, file])
    assert bundle_health(file, TODAY).state is State.PROBLEM


@needs_openssl
@pytest.mark.parametrize(
    ("spans", "state"),
    [
        ([VALID], State.OK),
        ([ENDED], State.WARNING),
        ([VALID, ENDED], State.OK),  # an old root beside the present one
    ],
)
def test_a_bundle_whose_own_certificates_are_all_expired_is_warned_of(
    tmp_path: Path, spans: list[tuple[str, str]], state: State
) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(
        join_bundle([make_certificate(tmp_path, f"root{n}", span=span)[0] for n, span in enumerate(spans)])
    )
    found = bundle_health(bundle, TODAY)
    assert found.state is state
    assert ("root0" in found.text) == (state is State.WARNING)


def test_the_public_certificates_are_good() -> None:
    assert bundle_health(None, TODAY).state is State.OK
