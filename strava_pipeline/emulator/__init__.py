"""Services on your own machine, for people without API access and for tests: at present Strava.

`strava/` imitates Strava and can be started (`strava.app`). The modules here serve any emulated service: an HTTP server,
a clock, a journal of calls, faults, webhook deliveries. `generate/` makes up one athlete for all of them. The emulator
imports core only; only verbs and tests import the emulator.
"""
