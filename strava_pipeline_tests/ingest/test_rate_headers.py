"""What the headers of limits say, in the ways in which services write them."""

from datetime import UTC, datetime, timedelta

import pytest

from strava_pipeline.ingest.rate_headers import Allowance, allowance

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({}, None),
        ({"X-RateLimit-Limit": "100"}, None),
        ({"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "25"}, Allowance(0.25, None, 25, 100)),
        (
            {"RateLimit-Limit": "100;w=900", "RateLimit-Remaining": "5", "RateLimit-Reset": "3600"},
            Allowance(0.05, HOUR, 5, 100),
        ),
        ({"X-Rate-Limit-Limit": "100, 5000", "X-Rate-Limit-Remaining": "50, 500"}, Allowance(0.1, None, 500, 5000)),
        (
            {"X-RateLimit-Limit": "2", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(HOUR.timestamp()))},
            Allowance(0.0, HOUR, 0, 2),
        ),
        (
            {"X-RateLimit-Limit": "2", "X-RateLimit-Remaining": "2", "X-RateLimit-Reset": f"{HOUR.timestamp():.0f}000"},
            Allowance(1.0, HOUR, 2, 2),
        ),
        (
            {"X-RateLimit-Limit": "100, 5000", "X-RateLimit-Remaining": "5, 4000", "X-RateLimit-Reset": "3600, 86400"},
            Allowance(0.05, HOUR, 5, 100),
        ),
        ({"X-RateLimit-Remaining": "7"}, Allowance(1.0, None)),
        ({"X-RateLimit-Remaining": "0"}, Allowance(0.0, None)),
        ({"X-RateLimit-Limit": "many", "X-RateLimit-Remaining": "few"}, None),
        ({"X-RateLimit-Limit": "0", "X-RateLimit-Remaining": "0"}, Allowance(0.0, None)),
        ({"X-RateLimit-Limit": "nan", "X-RateLimit-Remaining": "-3"}, None),
    ],
)
def test_headers_say_how_much_is_left(headers: dict[str, str], said: Allowance | None) -> None:
    assert allowance(headers, NOW) == said


@pytest.mark.parametrize("reset", ["soon", "", "1e400", "inf", "-5"])
def test_a_reset_that_cannot_be_read_is_unknown(reset: str) -> None:
    headers = {"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "1", "X-RateLimit-Reset": reset}
    assert allowance(headers, NOW) == Allowance(0.1, None, 1, 10)
