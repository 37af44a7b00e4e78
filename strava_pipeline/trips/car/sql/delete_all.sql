-- A table that is made anew of what is on disk, within the same transaction.
DELETE FROM {table}
