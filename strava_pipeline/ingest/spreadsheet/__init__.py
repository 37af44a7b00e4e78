"""The owner's own table of activities, as a workbook or as CSV: read whole, from copies in memory; written by writes.py alone."""
