"""What the pipeline serves on the web: the intake of events. It reads the snapshot and writes only the inbox."""
