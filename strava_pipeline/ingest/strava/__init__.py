"""Strava as a source: its login and OAuth, its rate budget, the client of its API, its webhook subscription."""
