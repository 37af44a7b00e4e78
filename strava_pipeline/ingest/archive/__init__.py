"""Reading containers of activity files: archives, folders, and other tools' output. Nothing here lands or decides anything."""
