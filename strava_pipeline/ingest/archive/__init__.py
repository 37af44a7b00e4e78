"""Reading what holds activity files: archives, folders, and what other tools left. Nothing here lands or decides anything."""
