"""Tests of strava_pipeline/core/copies."""
