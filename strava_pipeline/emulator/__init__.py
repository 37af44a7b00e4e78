"""A Strava on your own machine, for people without API access and for tests: `strava-pipeline emulator`.

Imports core only; only verbs and tests import it. `config.EmulatorConfig` says what it is, `server.Emulator` and
`server.run` serve it, `app.create_app` is the bare application.
"""
