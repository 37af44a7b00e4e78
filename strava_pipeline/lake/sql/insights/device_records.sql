-- The records that are virtual, or whose distance the device alone tells.
SELECT * EXCLUDE (stands_apart) FROM all_records WHERE stands_apart
