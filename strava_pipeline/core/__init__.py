"""What is true: frozen records, pure functions, Polars expressions. No I/O, no clock, no environment."""
