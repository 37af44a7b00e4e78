"""Opens one Fernet token with the first key that fits, and tells which. How old a token is plays no part.

cryptography's own MultiFernet does the same but doesn't tell the key. Each key that doesn't fit costs half an opening more.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from cryptography.fernet import Fernet  # imported where there is a key to use (docs/adr/0037)


class Opened(NamedTuple):
    """What a token holds, and the index of the key that opened it."""

    content: bytes
    key_index: int


def opened(token: bytes, keys: "Sequence[Fernet]") -> Opened | None:
    """The content of a token; None where it is none, or where no key fits."""
    from cryptography.fernet import InvalidToken

    for index, key in enumerate(keys):
        try:
            return Opened(key.decrypt(token), index)
        except InvalidToken:
            continue
    return None
