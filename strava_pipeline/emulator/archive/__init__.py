"""The archive that Strava would mail the emulator's athlete: the same activities as over the API, as a zip of files."""
