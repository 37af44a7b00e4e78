"""How long a test waits for what takes moments: it may hang, and on a busy machine it may seem to."""

PATIENCE = 300  # seconds
