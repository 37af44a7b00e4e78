-- Of each year of rows that are staged, or in PostgreSQL: how many, and the sum of their hashes, in any order.
SELECT {year}, count(*), sum(hash(held)::HUGEINT)::VARCHAR
FROM {table} AS held
GROUP BY {year}
