DELETE FROM {table} WHERE activity_id IN (SELECT unnest($ids::BIGINT[]))
