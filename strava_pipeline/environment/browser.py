"""Whether there is a browser to open a page in."""

import os
import sys


def has_browser() -> bool:
    """Whether whoever sits at this terminal has a browser with windows: not in CI, nor over ssh without a display."""
    import webbrowser

    has_display = "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ
    if not sys.stdout.isatty() or "CI" in os.environ or ("SSH_CONNECTION" in os.environ and not has_display):
        return False
    try:
        return type(webbrowser.get()) is not webbrowser.GenericBrowser  # those run inside the terminal
    except webbrowser.Error:
        return False
