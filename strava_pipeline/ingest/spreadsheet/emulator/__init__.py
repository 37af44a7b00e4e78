"""The made-up athlete's own table of activities, as its owner would keep it: a workbook or CSV, written and edited here."""
