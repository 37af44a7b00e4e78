"""What the pipeline does, as plain functions of what they need: callable and testable without an instance. No Dagster."""
