"""DASHBOARD_LAN: real processes that others of a network reach, by http and with a certificate of one's own; what is refused before."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.environment.settings import Settings
from strava_pipeline.serve.addresses import dashboard_address, network_url, own_address
from strava_pipeline.serve.dashboard.start_check import check_start
from strava_pipeline_tests.ingest.tls import ENDED, TO_COME, VALID, make_certificate
from strava_pipeline_tests.patience import PATIENCE
from strava_pipeline_tests.processes import free_port

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of certificates and keys, usable and not."""
    folder = tmp_path_factory.mktemp("certificates")
    for name, span in (("own", VALID), ("other", VALID), ("ended", ENDED), ("later", TO_COME)):
        make_certificate(folder, name, span=span, host="127.0.0.2")
    lock = ["openssl", "pkey", "-in", folder / "own.key", "-aes256", "-passout", "pass:secret"]
    subprocess.run([*lock, "-out", folder / "locked.key"], check=True)
    own = (folder / "own.pem").read_bytes()
    contents = {"chain": own + (folder / "other.pem").read_bytes(), "half": own[:200]}
    for name, content in contents.items():
        (folder / f"{name}.pem").write_bytes(content)
    return folder


@pytest.mark.parametrize(
    ("certificate", "key", "why"),
    [
        ("own.pem", "own.key", None),
        ("chain.pem", "own.key", None),  # with the certificate that signed it
        ("own.pem", "other.key", "is not the key of the certificate"),
        ("ended.pem", "ended.key", "to 2001-01-01. Renew it"),
        ("later.pem", "later.key", "valid from 2098-01-01"),
        ("own.pem", "locked.key", "without a passphrase"),
        ("own.key", "own.key", "holds no certificate in PEM form"),
        ("half.pem", "own.key", "holds no certificate in PEM form"),
        ("none.pem", "own.key", r"DASHBOARD_CERT: \S+ can't be read \(No such file or directory\)"),
        ("own.pem", "none.key", r"DASHBOARD_KEY: \S+ can't be read \(No such file or directory\)"),
        ("own.pem", None, "DASHBOARD_KEY is not set"),
        (None, "own.key", "DASHBOARD_CERT is not set"),
    ],
)
def test_a_certificate_that_can_not_be_used_is_a_sentence_before_anything_listens(
    files: Path, certificate: str | None, key: str | None, why: str | None
) -> None:
    paths = {"dashboard_cert": certificate, "dashboard_key": key}
    named = {name: files / path for name, path in paths.items() if path}
    settings = Settings.load(_env_file=None, dashboard_address="127.0.0.1:8723", **named)
    if why is None:
        check_start(settings, behind_proxy=False)
    else:
        with pytest.raises(MisuseError, match=why):
            check_start(settings, behind_proxy=False)


@pytest.mark.parametrize(
    ("address", "is_lan", "listens_on"),
    [
        ("127.0.0.1:8723", False, "127.0.0.1:8723"),
        ("off", False, None),
        ("0.0.0.0:8723", False, "0.0.0.0:8723"),
        ("127.0.0.1:9000", True, "*:9000"),
        ("localhost:9000", True, "*:9000"),
        ("[::1]:9000", True, "*:9000"),
        ("off", True, "*:8723"),  # as in the image, where DASHBOARD_LAN alone switches it on
        ("192.168.1.20:9000", True, "192.168.1.20:9000"),
        ("0.0.0.0:9000", True, "0.0.0.0:9000"),
    ],
)
def test_at_home_every_address_listens_unless_one_is_named(address: str, is_lan: bool, listens_on: str | None) -> None:
    assert (
        dashboard_address(Settings.load(_env_file=None, dashboard_address=address, dashboard_lan=is_lan)) == listens_on
    )


@pytest.mark.parametrize(
    ("address", "changed", "url"),
    [
        ("127.0.0.1", {}, "http://{own}:{port}"),
        ("0.0.0.0", {}, "http://{own}:{port}"),
        ("0.0.0.0", {"dashboard_cert": "c.pem"}, "https://{own}:{port}"),
        ("127.0.0.1", {"dashboard_hosts": "nas.lan,rides.lan"}, "http://nas.lan:{port}"),
        ("127.0.0.1", {"dashboard_hosts": "fd00::20"}, "http://[fd00::20]:{port}"),
        ("192.168.1.20", {}, "http://192.168.1.20:{port}"),
        ("[fd00::20]", {}, "http://[fd00::20]:{port}"),
    ],
)
def test_the_address_that_it_prints_is_one_that_others_reach(address: str, changed: dict[str, Any], url: str) -> None:
    settings = Settings.load(_env_file=None, dashboard_address=f"{address}:9000", dashboard_lan=True)
    found = network_url(settings.model_copy(update=changed))
    assert found == url.format(own=own_address() or "127.0.0.1", port=9000)


@contextmanager
def started(folder: Path, port: int, **settings: str) -> Iterator[str]:
    """`dashboard` as the service starts it, without a terminal; what it printed until it listened."""
    own = {"DASHBOARD_LAN": "true", "DASHBOARD_ADDRESS": f"127.0.0.1:{port}", "HOME": str(folder)}
    environment = {"PATH": os.environ["PATH"], "XDG_STATE_HOME": str(folder / "state"), **own, **settings}
    log = folder / "log"
    with log.open("wb") as out:
        command = [sys.executable, "-m", "strava_pipeline", "dashboard"]
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=out)
    try:
        while "Dashboard: " not in log.read_text():
            assert process.poll() is None, log.read_text()
        yield log.read_text()
    finally:
        process.kill()
        process.wait()


def answers(url: str, **options: object) -> int:
    """The status of an answer; whoever is accepted before the program is at work waits."""
    return requests.get(url, timeout=PATIENCE, allow_redirects=False, **options).status_code  # type: ignore[arg-type]


@pytest.mark.dear
def test_without_a_password_an_address_in_the_log_lets_one_browser_of_the_network_in(tmp_path: Path) -> None:
    port = free_port()
    with started(tmp_path, port, DASHBOARD_HOSTS="nas.lan,rides.lan") as said:
        assert "answers on the home network, by http: who listens there can read" in said
        (link,) = re.findall(r"http://nas\.lan:\d+(/login\?token=\S+)", said)
        for host in ("127.0.0.1", "127.0.0.2", "[::1]") if socket.has_dualstack_ipv6() else ("127.0.0.1", "127.0.0.2"):
            assert answers(f"http://{host}:{port}/health") == 200, host
        here = f"http://127.0.0.2:{port}"
        for host, status in (("nas.lan", 401), ("192.168.1.20:80", 401), ("8.8.8.8", 403), ("evil.example", 403)):
            assert answers(f"{here}/api/gear", headers={"Host": host}) == status, host
        browser = requests.Session()
        assert browser.get(here + link, timeout=PATIENCE).status_code == 200
        assert browser.get(f"{here}/api/gear", timeout=PATIENCE).status_code == 200
        assert answers(here + link) == 403, "once"


@pytest.mark.dear
def test_by_https_with_ones_own_certificate_and_the_password_of_a_secret(tmp_path: Path, files: Path) -> None:
    port, certificate, key = free_port(), str(files / "own.pem"), str(files / "own.key")
    own = {"DASHBOARD_CERT": certificate, "DASHBOARD_KEY": key, "DASHBOARD_PASSWORD": PASSWORD}
    with started(tmp_path, port, **own) as said:
        assert "answers on the home network, by https." in said
        assert ("token=" in said, PASSWORD in said) == (False, False)
        here, browser = f"https://127.0.0.2:{port}", requests.Session()
        browser.verify, browser.trust_env = certificate, False  # whatever bundle this machine names
        assert "without encryption" not in browser.get(f"{here}/login", timeout=PATIENCE).text
        logged_in = browser.post(
            f"{here}/login", data={"password": PASSWORD}, headers={"Origin": here}, timeout=PATIENCE
        )
        assert (logged_in.status_code, logged_in.url) == (200, f"{here}/")
        (cookie,) = browser.cookies
        assert (cookie.name, cookie.secure) == (f"__Host-dashboard_{port}", True)
        with pytest.raises(requests.ConnectionError):
            answers(f"http://127.0.0.2:{port}/health")
