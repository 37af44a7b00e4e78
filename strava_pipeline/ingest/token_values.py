"""Lenient readers for tokens and the answers that bring them. Nothing here stores or sends one."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from strava_pipeline.core.json_values import finite_number, json_if_any


def is_token(value: object) -> bool:
    """Whether it is text that fits into a header."""
    return token_of(value) is not None


def token_of(value: object) -> str | None:
    """Text that fits into a header; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isprintable() and value.strip():
        return value
    return None


def claims_of(token: str) -> Mapping[str, Any]:
    """The claims of a JWT; {} for any other token. The signature is the service's to check."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        return object_of(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return {}


def moment_of(value: object) -> datetime | None:
    """The instant (UTC) of a number of seconds since 1970; None for anything else."""
    seconds = finite_number(value)
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None and 0 <= seconds < 10**11 else None


def object_of(body: bytes) -> dict[str, Any]:
    """The JSON object in a body; {} for any other body."""
    value = json_if_any(body)
    return value if isinstance(value, dict) else {}
