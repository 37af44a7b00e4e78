-- Keys that are published and not in the working warehouse any more.
SELECT (SELECT count(*) FROM published.{table}), count(*)
FROM published.{table} AS before
WHERE NOT EXISTS (FROM {table} AS now WHERE {same_key})
