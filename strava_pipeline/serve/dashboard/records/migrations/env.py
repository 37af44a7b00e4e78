"""What Alembic runs: the migrations on the connection that database.py gives it."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table="dashboard_version",  # Dagster has Alembic's own name where it shares the database
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
