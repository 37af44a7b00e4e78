"""The dashboard's own records, mainly sessions: SQLite in the data folder, or PostgreSQL if DATABASE_URL is set."""
