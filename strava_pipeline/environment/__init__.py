"""Where a process runs: settings and their files, the folders of athletes, locks, private files. No call."""
