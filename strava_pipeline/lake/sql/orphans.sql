-- Rows whose activity is not in the parent table.
SELECT count(*) AS rows_without_activity FROM {table} AS child WHERE NOT EXISTS (FROM {parent} AS parent WHERE parent.id = child.activity_id)
