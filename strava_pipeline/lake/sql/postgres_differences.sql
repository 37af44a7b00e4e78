-- The years in which a staged table and PostgreSQL's do not hold the same rows, of some years.
WITH here AS (SELECT {year}, {columns} FROM {staged} WHERE {year} IN ({years})),
there AS MATERIALIZED (SELECT {year}, {columns} FROM {table} WHERE exported_for = {owner} AND {year} IN ({years}))
SELECT DISTINCT {year}
FROM ((FROM here EXCEPT ALL FROM there) UNION ALL (FROM there EXCEPT ALL FROM here))
