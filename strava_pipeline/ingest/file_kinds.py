"""The kind of an activity file's bytes, wherever they came from. No reading of files here."""

GZIP = b"\x1f\x8b"
_HEAD = 4096  # bytes in which a document says what it is
_SIGNS = (("gpx", b"<gpx"), ("tcx", b"<trainingcenterdatabase"))


def kind_of(content: bytes) -> str | None:
    """fit, gpx or tcx; None for other or packed bytes."""
    if content[8:12] == b".FIT":
        return "fit"
    head = content[:_HEAD].lower()
    return next((kind for kind, sign in _SIGNS if sign in head), None)


def is_message(content: bytes) -> bool:
    """Whether an answer is JSON or a web page instead of a file. The bytes of a FIT may look like either."""
    if content.startswith(GZIP) or kind_of(content) == "fit":
        return False
    return content.lstrip()[:1] in (b"{", b"[") or b"<html" in content[:1000].lower()
