"""Answers for the emulator's faults of kind `raw`: what no server should send, byte by byte."""


def raw_answer(head: str, body: str = "") -> str:
    """It says that the connection ends, as it does: else the next call might be sent before that is noticed."""
    return f"HTTP/1.1 {head}\r\nConnection: close\r\n\r\n{body}"
