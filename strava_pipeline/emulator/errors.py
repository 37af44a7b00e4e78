"""What can be wrong with how an emulator is asked for.

Answers to API clients are not errors here; they are made in wire.py.
"""


class EmulatorConfigError(ValueError):
    """The emulator can't be built as asked (an option, or the dataset file); the message says what to change."""


class OrderError(ValueError):
    """An order below /_emulator that can't be carried out; the message is the answer to whoever gave it."""
