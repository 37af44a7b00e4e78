"""The meaning of a service's refusals: part of its record (core/providers). The errors are in `ingest/refusals.py`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Meaning = Literal["login", "perhaps_login", "call", "nothing", "pause"]
"""What an answer refuses.

`login`: the login is dead. `perhaps_login`: the call is forbidden, and the login may be dead; at a login call, a first
one is waited out, and a second one in a row proves it. `call`: that call is forbidden, and the login lives. `nothing`:
nothing certain, so the call is tried again. `pause`: the account or this network is blocked for a while.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """The meaning of each status.

    Args:
        at_login: for a call that gets a token or names the account.
        at_data: for every other call; where the login has tokens, a 401 counts only after the token was renewed.
        of_one_call: a text in the body of a `pause` at a call for data that forbids only that call.
        application: the message for a person about the user's API application in a parsed answer, or None.
    """

    at_login: Mapping[int, Meaning]
    at_data: Mapping[int, Meaning]
    of_one_call: bytes | None = None
    application: Callable[[Any], str | None] = lambda content: None

    def meaning(self, status: int, body: bytes, *, at_login: bool = False) -> Meaning | None:
        """What an answer refuses, or None if it refuses neither a login nor a call."""
        if at_login:
            return self.at_login.get(status)
        found = self.at_data.get(status)
        is_of_one_call = found == "pause" and self.of_one_call is not None and self.of_one_call in body
        return "call" if is_of_one_call else found


USUAL = Refusals(at_login={401: "login", 403: "perhaps_login"}, at_data={401: "login", 403: "perhaps_login"})
