"""The surroundings of a process: settings and their files, the folders of athletes, locks, private files. No calls."""
