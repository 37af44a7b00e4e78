-- The records of activities that count.
SELECT * EXCLUDE (stands_apart) FROM all_records WHERE NOT stands_apart
