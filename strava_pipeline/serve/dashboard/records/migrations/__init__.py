"""Alembic's migrations of the dashboard's records: `env.py` runs them, `versions/` holds them in order."""
