"""Strava as a source: tokens, the rate budget, the API client."""
