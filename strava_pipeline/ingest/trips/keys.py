"""The Fernet keys that open the encrypted columns, newest first: taken from a file or from text, and checked.

The environment is read by settings.py, tokens are opened by fernet.py. No key stands in a repr or in an error.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from strava_pipeline.core.errors import MissingSettingsError

if TYPE_CHECKING:
    from cryptography.fernet import Fernet  # imported where there is a key to use (docs/adr/0037)

NO_KEYS = (
    "No keys for the encrypted trips. Name a keys file with --keys-file or TRIPS_KEYS_FILE "
    '(JSON: {"keys": ["newest", "older"]}), or put the keys into TRIPS_FERNET_KEYS, comma-separated, '
    "or name a program that prints them in TRIPS_KEYS_COMMAND."
)
LARGEST = 65_536  # bytes of a file, or of what a program prints; a thousand keys have 45,000
_FORM = re.compile(r"[\w+/-]{43}=", re.ASCII)  # 32 bytes; Fernet itself overlooks what is no base64 in between


@dataclass(frozen=True, slots=True)
class KeyRing:
    """At least one key; the place of a key in `keys` is the `keyIndex` of the bundles it opens."""

    keys: "tuple[Fernet, ...]" = field(repr=False)
    count: int = field(init=False)

    def __post_init__(self) -> None:
        if not self.keys:
            raise MissingSettingsError(NO_KEYS)
        object.__setattr__(self, "count", len(self.keys))

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """The keys of a file `{"keys": [...]}`. Raises MissingSettingsError, which tells no key."""
        try:
            with path.open("rb") as file:
                content = file.read(LARGEST + 1)
            text = "" if len(content) > LARGEST else content.decode("utf-8-sig")
        except OSError as error:
            raise MissingSettingsError(f"the keys file {path} can't be read ({error.strerror}). {NO_KEYS}") from None
        except UnicodeDecodeError:
            raise MissingSettingsError(f"the keys file {path} is no text. {NO_KEYS}") from None
        if len(content) > LARGEST:
            raise MissingSettingsError(f"the keys file {path} is larger than {LARGEST} bytes. {NO_KEYS}")
        if not text.strip():
            raise MissingSettingsError(f"the keys file {path} is empty. {NO_KEYS}")
        return cls(tuple(_keys(_from_json(text, f"the keys file {path}"), f"the keys file {path}")))

    @classmethod
    def from_text(cls, text: str, where: str = "TRIPS_FERNET_KEYS") -> Self:
        """The keys of a text, a comma or a new line between them, or as in a keys file; `where` names the text in errors."""
        if text.lstrip().startswith(("{", "[")):
            return cls(tuple(_keys(_from_json(text, where), where)))
        return cls(tuple(_keys([part for part in re.split(r"[,\r\n]", text) if part.strip()], where)))


def _from_json(text: str, where: str) -> list[Any]:
    try:
        held = json.loads(text)
    except (ValueError, RecursionError):
        raise MissingSettingsError(f"{where} is no JSON. {NO_KEYS}") from None
    keys = held.get("keys") if isinstance(held, dict) else held
    if not isinstance(keys, list):
        raise MissingSettingsError(f'{where} has no list "keys". {NO_KEYS}')
    if not keys:
        raise MissingSettingsError(f"{where} holds no key. {NO_KEYS}")
    return keys


def _keys(texts: list[Any], where: str) -> "Iterator[Fernet]":
    from cryptography.fernet import Fernet

    for place, text in enumerate(texts):
        if not isinstance(text, str) or not _FORM.fullmatch(text.strip()):
            raise MissingSettingsError(
                f"{where}: the key at index {place} is no Fernet key (32 bytes in URL-safe base64: 44 characters)."
            )
        yield Fernet(text.strip())
