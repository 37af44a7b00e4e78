SELECT
    (SELECT count(*) FROM (SELECT 1 FROM {table} GROUP BY {key} HAVING count(*) > 1)) AS duplicate_keys,
    (SELECT count(*) FROM {table} WHERE {key_is_null}) AS missing_keys
