"""Rules without side effects: frozen records, pure functions, Polars expressions. No I/O, no clock, no environment."""
