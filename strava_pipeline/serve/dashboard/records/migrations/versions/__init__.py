"""The migrations. Each one may run again on what it made: a table is made only where it is missing."""
