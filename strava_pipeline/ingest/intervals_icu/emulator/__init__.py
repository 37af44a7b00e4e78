"""An intervals.icu on this machine: its API with its real shapes and errors, and the made-up athlete's data."""
