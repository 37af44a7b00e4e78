"""The dashboard's own records, sessions above all: SQLite in the data folder, or PostgreSQL where DATABASE_URL is set."""
