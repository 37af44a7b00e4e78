-- Every column of the tables in the schema, as PostgreSQL has it.
SELECT held.relname AS table_name,
    col.attname AS column_name,
    format_type(col.atttypid, col.atttypmod) AS kind,
    coalesce(col.attnum = ANY (main.indkey), false) AS is_key
FROM pg_class AS held
JOIN pg_namespace AS space ON space.oid = held.relnamespace
JOIN pg_attribute AS col ON col.attrelid = held.oid
LEFT JOIN pg_index AS main ON main.indrelid = held.oid AND main.indisprimary
WHERE space.nspname = '{schema}' AND held.relkind IN ('r', 'p') AND col.attnum > 0 AND NOT col.attisdropped
