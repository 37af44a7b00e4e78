"""A line of an inbox's journal: a body as it came over the wire, and when. What it means is for who reads it."""

from datetime import datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError


class Received(BaseModel):
    """`received_at`: when the intake took it, by its machine's clock; `body`: what came, character for character."""

    model_config = ConfigDict(frozen=True)

    received_at: AwareDatetime
    body: str

    @classmethod
    def line(cls, body: bytes, at: datetime) -> bytes:
        """The line for a body; UnicodeDecodeError where it is no UTF-8."""
        return cls(received_at=at, body=body.decode()).model_dump_json().encode()


def body_of(line: bytes) -> bytes:
    """The body in a line; empty where it is no line of ours."""
    try:
        return Received.model_validate_json(line).body.encode()
    except (ValidationError, UnicodeEncodeError):
        return b""
