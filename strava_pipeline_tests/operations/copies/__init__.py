"""Tests of strava_pipeline/operations/copies."""
