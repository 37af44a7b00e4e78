-- Rows of a table that tells its own partition.
SELECT year, count(*) FROM {table} GROUP BY year
