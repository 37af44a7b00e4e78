"""The dashboard: a private web page over the published snapshot, and its JSON API. A program of its own beside the intake."""
