"""The command line, one file per subject; each verb thin."""
