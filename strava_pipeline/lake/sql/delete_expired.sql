-- The rows of a table that a source told of the activities $ids.
DELETE FROM {table} WHERE source = $source AND {key} IN (SELECT unnest($ids::BIGINT[]))
