"""The kinds of settings' values: what each accepts, and the message for anything else; including addresses.

A kind is a type for pydantic. The kind of each setting, and its source, is settings.py's. Whether an address is valid
and where plain http may go is decided here; nothing is looked up in the network.
"""

import grp
import os
import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, SecretStr, ValidationInfo

from strava_pipeline.core.sports import chosen_sports
from strava_pipeline.environment.process_owner import athlete_folder

_CHECKOUT = Path(__file__).resolve().parents[2]
_SECRET = re.compile(r"[A-Za-z0-9_-]{16,200}")
_HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*|[0-9a-f:]+")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")  # and so no user and password
_CRON_FIELD = re.compile(r"[0-9A-Za-z*/,\-]+")


def _hosts(value: str) -> str | None:
    return ",".join(own_hosts(value)) or None


def _server(value: str, info: ValidationInfo) -> str:
    return http_url(value.strip().rstrip("/"), info.data.get("plain_http_hosts")) if value else value


def _url(value: str, info: ValidationInfo) -> str:
    return http_url(value.strip(), info.data.get("plain_http_hosts"))


def _host_names(value: str) -> str:
    names = _listed(value)
    for name in names:
        if not _HOST_NAME.fullmatch(name):
            raise ValueError(
                f"{name!r} is no name of a host; write names like rides.example.org, with commas, without a port"
            )
    return ",".join(names)


def _tiles(value: str, info: ValidationInfo) -> str:
    if not all(part in value for part in ("{z}", "{x}", "{y}")):
        raise ValueError("no address of map tiles; write one like https://tile.example.org/{z}/{x}/{y}.png")
    return _url(value, info)


def _path_part(value: SecretStr) -> SecretStr:
    if not _SECRET.fullmatch(value.get_secret_value()):
        raise ValueError("not 16 or more letters, digits, - or _; make one: openssl rand -hex 32")
    return value


def _postgres_url(value: SecretStr) -> SecretStr:
    postgres_parameters(value)
    return value


def postgres_parameters(url: SecretStr) -> dict[str, str]:
    """The parameters of such a URL as libpq names them, including the password. Raises ValueError, which contains
    nothing of it.
    """
    fault = (
        "not an address like postgresql://user:password@host:5432/database; in the password write / as %2F, ? as %3F, # as %23, "
        "@ as %40, : as %3A, % as %25"
    )
    try:
        parts = urlsplit(url.get_secret_value().strip())
        port = parts.port
        rest = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
    except ValueError:
        raise ValueError(fault) from None  # whose text may be a part of the password
    of_url = (parts.username, parts.password, parts.hostname, parts.path.lstrip("/"))
    named = {
        name: unquote(value or "") for name, value in zip(("user", "password", "host", "dbname"), of_url, strict=True)
    }
    found = {name: value for name, value in ({**named, "port": str(port or "")} | rest).items() if value}
    if (
        parts.scheme not in ("postgresql", "postgres")
        or "dbname" not in found
        or parts.fragment
        or "\0" in "".join(found.values())
    ):
        raise ValueError(fault)
    return found


SHORTEST_PASSWORD = 12  # characters: NIST SP 800-63B asks for 8, OWASP for 12 without a second factor
LONGEST_PASSWORD = 1024  # characters: a longer one only costs time


def _password(value: SecretStr) -> SecretStr:
    if not SHORTEST_PASSWORD <= len(value.get_secret_value()) <= LONGEST_PASSWORD:
        raise ValueError(f"not {SHORTEST_PASSWORD} characters or more, and at most {LONGEST_PASSWORD}")
    return value


def _host_and_port(value: str) -> str:
    host, _, port = value.strip().rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError("not a host and a port; write them like 127.0.0.1:8722")
    return value.strip()


def _host_and_port_or_off(value: str) -> str:
    return "off" if value.strip().lower() == "off" else _host_and_port(value)


def _private_host_and_port(value: str) -> str:
    address = _host_and_port(value)
    host = address.rpartition(":")[0].strip("[]").lower()
    if not is_private_host(host) and host not in ANY_ADDRESS:
        raise ValueError(
            f"{host} may be a public address; name this machine (127.0.0.1:8724) or an address of a network of your own"
        )
    return address


def _absolute(value: Path) -> Path:
    return (athlete_folder() or Path.cwd()) / value.expanduser()


def _home(value: Path) -> Path:
    if value != Path():
        return _absolute(value)
    if folder := athlete_folder():
        return folder / "dagster_home"
    committed = _CHECKOUT / "dagster_home"  # an installed package has none next to it
    return committed if committed.is_dir() else Path.cwd() / "dagster_home"


def _ledger_folder(value: Path, info: ValidationInfo) -> Path:
    if value != Path():
        return _absolute(value)
    from platformdirs import user_state_path  # only where no folder is set: each command would pay for it

    try:
        folder = user_state_path("strava_pipeline", appauthor=False)
    except RuntimeError:  # a user without a home, as in some containers
        folder = Path()
    return (
        folder
        if folder.is_absolute() and _may_be_made(folder)
        else info.data.get("data_dir", Path.cwd()) / "state" / "ledger"
    )


def _may_be_made(folder: Path) -> bool:
    """Whether this user can write to it, or create it: system users have a home that is missing, or not theirs."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return os.access(there, os.W_OK)


def _trips(value: str) -> str:
    return value.strip() if athlete_folder() is None else url_from_anywhere(value)


def _bundle(value: Path) -> Path:
    path = _absolute(value)
    if not path.exists():
        raise ValueError(f"{path} does not exist; name a file of PEM certificates, or unset it")
    return path


def group_id(name: str) -> int:
    """The number of a group of this machine; a number is accepted as it is, as in a container, which knows no names."""
    try:
        return int(name) if name.isdecimal() else grp.getgrnam(name).gr_gid
    except KeyError:
        raise ValueError(f"there is no group {name!r} on this machine; make it, or name another one") from None


def _group(value: str) -> str:
    group_id(value.strip())
    return value.strip()


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ValueError, OSError, KeyError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise ValueError(f"{value!r} is no time zone; write one like Europe/London") from error
    return value


def _cron(value: str) -> str:
    parts = value.split()
    if len(parts) != 5 or not all(_CRON_FIELD.fullmatch(part) for part in parts):
        raise ValueError(f"{value!r} is no cron line; write five fields like 0 5 * * *")
    return value


def _sports(value: str) -> str:
    chosen_sports([value])  # raises ValueError for anything but a group or a sport
    return value


def _paths(value: str) -> str:
    """Paths separated by ;, made absolute; addresses stay unchanged."""
    named = [each.strip() for each in value.split(";")]
    return ";".join(each if "://" in each else str(_absolute(Path(each))) for each in named if each)


def _repository(value: SecretStr) -> SecretStr:
    text = value.get_secret_value().strip().removeprefix("local:")
    return SecretStr(text if re.match(r"[a-z0-9]+:", text) else str(_absolute(Path(text))))


Stripped = Annotated[str, AfterValidator(str.strip)]
Hosts = Annotated[str, AfterValidator(_hosts)]  # names with commas; those of the public internet are refused
Server = Annotated[str, AfterValidator(_server)]  # without a slash at its end; empty where it follows from another
Url = Annotated[str, AfterValidator(_url)]
PostgresUrl = Annotated[SecretStr, AfterValidator(_postgres_url)]
PathSecret = Annotated[SecretStr, AfterValidator(_path_part)]
Password = Annotated[SecretStr, AfterValidator(_password)]
HostNames = Annotated[str, AfterValidator(_host_names)]  # names or numbers, with commas
Tiles = Annotated[str, AfterValidator(_tiles)]
HostAndPort = Annotated[str, AfterValidator(_host_and_port)]
PrivateHostAndPort = Annotated[str, AfterValidator(_private_host_and_port)]
HostAndPortOrOff = Annotated[str, AfterValidator(_host_and_port_or_off)]
AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
Paths = Annotated[str, AfterValidator(_paths)]  # several with ; between, since names may have commas
Home = Annotated[Path, AfterValidator(_home)]
LedgerFolder = Annotated[Path, AfterValidator(_ledger_folder)]  # Path(): the user's state folder, else in `data_dir`
TripsUrl = Annotated[str, AfterValidator(_trips)]  # of an athlete of several with an absolute path
Bundle = Annotated[Path, AfterValidator(_bundle)]
Zone = Annotated[Stripped, AfterValidator(_zone)]
Sports = Annotated[str, AfterValidator(_sports)]  # groups and sports of core/sports.py, with commas
Group = Annotated[str, AfterValidator(_group)]
Repository = Annotated[SecretStr, AfterValidator(_repository)]  # restic's: an absolute path, or an address
Cron = Annotated[Stripped, AfterValidator(_cron)]


ANY_ADDRESS = ("0.0.0.0", "::")  # in place of a host: every address of this machine
# Names that are never public: RFC 6761, RFC 6762 (.local), RFC 8375 (.home.arpa), ICANN's .internal; .lan in many routers.
_OWN_DOMAINS = (".home.arpa", ".internal", ".invalid", ".lan", ".local", ".localdomain", ".localhost", ".test")


def http_url(value: str, plain_hosts: str | None) -> str:
    """`value`, if it is an address with https, or with http to this machine or to `plain_hosts` (separated by commas).
    Raises ValueError for others.
    """
    parts = url_parts(value)
    if parts is None:
        raise ValueError("not an address; write one like https://www.strava.com")
    host = (parts.hostname or "").rstrip(".").lower()
    if parts.scheme == "http" and not is_this_machine(host) and host not in _listed(plain_hosts or ""):
        raise ValueError(
            f"http:// to {host} would let everybody on the way read secrets and positions; write https://. For a host of a "
            "network of your own (a service of a compose file, say) name it in PLAIN_HTTP_HOSTS"
        )
    return value


def url_parts(value: str) -> SplitResult | None:
    """The parts of an address with http or https, a host and a port that can be; None for any other text."""
    try:
        parts = urlsplit(value)
        return parts if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 else None
    except ValueError:  # half an IPv6 address, an invalid port
        return None


def own_hosts(hosts: str) -> list[str]:
    """The hosts in a list with commas. Raises ValueError if one may be public."""
    listed = _listed(hosts)
    for host in listed:
        if not is_private_host(host):
            raise ValueError(
                f"{host} may be a public address, where everybody on the way can read; name hosts of a network of your own: "
                "a service of a compose file, an address like 192.168.1.20, a name that ends in .local or .lan"
            )
    return listed


def is_loopback(url: str) -> bool:
    """Whether the address's host is this machine, by name or number."""
    return is_this_machine(urlsplit(url).hostname or "")


def is_this_machine(host: str) -> bool:
    """Whether the host is this machine by name or number."""
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761, 6.3: always loopback
        return True
    address = _number(host)
    return address is not None and address.is_loopback


def _listed(hosts: str) -> list[str]:
    return [host.strip().strip("[]").rstrip(".").lower() for host in hosts.split(",") if host.strip()]


def is_private_host(host: str) -> bool:
    """Whether the host can't be public: a private address, or a name that no public domain has."""
    if is_address(host):
        return is_private_address(host)
    return ("." not in host and not host[:1].isdecimal()) or host.endswith(_OWN_DOMAINS)  # 134744072 is 8.8.8.8


def is_address(host: str) -> bool:
    """Whether the host is a number, of IPv4 or IPv6, and not a name."""
    return _number(host) is not None


def is_private_address(host: str) -> bool:
    """Whether the host is the number of a machine in a private network: neither a name, nor an address of the internet."""
    address = _number(host)
    return address is not None and not (address.is_global or address.is_unspecified or address.is_multicast)


def _number(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def url_from_anywhere(url: str) -> str:
    """The URL of trips with a file's absolute path, for use in another folder; the URL of a database unchanged."""
    path = trips_file(url)
    return url if path is None else f"{url.strip().partition(':')[0]}:///{path}"


TRIP_FILES = ("sqlite", "parquet")  # schemes of TRIPS_SOURCE whose source is one file


def trips_file(url: str) -> Path | None:
    """The absolute path of the file that `url` names, whether it exists or not, or None if `url` names no file.

    A path after three slashes is relative to the working directory or the athlete's folder, or, if only the root has
    such a file, to the root; after four slashes it is relative to the root.
    """
    from_here, from_root = places_of_trips(url)
    if from_here is None or from_root is None:
        return None
    return from_root if from_root.is_file() and not from_here.is_file() else from_here


def places_of_trips(url: str) -> tuple[Path, Path] | tuple[None, None]:
    """The places in which the file of such a URL is looked for."""
    scheme, _, rest = url.strip().partition("://")
    if scheme not in TRIP_FILES or not rest.startswith("/") or not rest.strip("/"):
        return None, None
    return (athlete_folder() or Path.cwd()) / rest[1:], Path("/", rest[1:])
