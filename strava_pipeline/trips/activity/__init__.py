"""Activity trips: encrypted at a source of their own, decrypted in memory, measured and judged. No position is kept."""
