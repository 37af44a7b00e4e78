"""What Alembic runs: the migrations on the connection that database.py gives it."""

from alembic import context

from strava_pipeline.serve.dashboard.records.database import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
