"""Tests of the house's own location of Dagster."""
