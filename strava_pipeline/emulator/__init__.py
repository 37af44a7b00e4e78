"""The shared parts of every emulated service: an HTTP server, a clock, a journal of calls, faults, webhook deliveries.

A service's own pages are in its folder, `ingest/NAME/emulator/`; Strava's can be started (`app.run` there). `generate/`
makes up one athlete for all of them. The emulator imports core only; only verbs and tests import the emulator.
"""
