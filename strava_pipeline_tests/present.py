"""What must be there: a value that may be None by its type, and may not be None in a test."""

from typing import TypeVar

Value = TypeVar("Value")


def there(value: Value | None) -> Value:
    assert value is not None
    return value
