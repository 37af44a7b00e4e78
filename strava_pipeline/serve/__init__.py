"""The pipeline's web programs: the intake of events, and the dashboard. The intake reads the snapshot and writes only
the inbox.
"""
