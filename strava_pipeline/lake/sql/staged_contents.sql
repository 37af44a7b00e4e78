-- Of each year of a staged table: how many rows, and the sum of their hashes.
SELECT {year}, count(*), sum(hash(held)::HUGEINT)::VARCHAR
FROM {table} AS held
GROUP BY {year}
