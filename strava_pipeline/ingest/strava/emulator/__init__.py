"""Strava as its clients see it: login, API, limits, webhooks and the archive that it mails.

`app.Emulator` runs it in a thread, `app.run` in the foreground; `application.EmulatorConfig` describes what to run.
"""
