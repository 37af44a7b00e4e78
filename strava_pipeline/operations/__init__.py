"""The pipeline's operations as plain functions: callable and testable without an instance. No Dagster."""
