"""The command line: one file per subject, each command thin."""
