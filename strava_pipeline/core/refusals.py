"""What a service's refusals mean: part of its record (core/providers). The errors are `ingest/refusals.py`'s."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Meaning = Literal["login", "perhaps_login", "call", "nothing", "pause"]
"""What an answer refuses.

`login`: the login is dead. `perhaps_login`: the call is forbidden, and perhaps the login is dead; at a login call a first one is
waited out, and a second one in a row says so. `call`: that call is forbidden, and the login lives. `nothing`: nothing that is
certain, so it is tried again. `pause`: the account or this network is blocked for a while.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """What a status means.

    Args:
        at_login: at a call that gets a token or names the account.
        at_data: at every other call; a 401 is that to a token that was just renewed, where tokens are.
        of_one_call: what the body of a `pause` at a call for data holds that forbids that call alone.
        application: what an answer, parsed from JSON, says of the user's API application, for a person; None: nothing.
    """

    at_login: Mapping[int, Meaning]
    at_data: Mapping[int, Meaning]
    of_one_call: bytes | None = None
    application: Callable[[Any], str | None] = lambda content: None

    def meaning(self, status: int, body: bytes, *, at_login: bool = False) -> Meaning | None:
        """What an answer refuses; None: neither a login nor a call."""
        if at_login:
            return self.at_login.get(status)
        found = self.at_data.get(status)
        is_of_one_call = found == "pause" and self.of_one_call is not None and self.of_one_call in body
        return "call" if is_of_one_call else found


USUAL = Refusals(at_login={401: "login", 403: "perhaps_login"}, at_data={401: "login", 403: "perhaps_login"})
