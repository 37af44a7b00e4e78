"""The assets, a file per layer."""
