DELETE FROM {table} WHERE activity_id IN (SELECT activity_id FROM incoming)
