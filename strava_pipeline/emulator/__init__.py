"""A Strava on your own machine. Imports core only; only verbs and tests import it."""
