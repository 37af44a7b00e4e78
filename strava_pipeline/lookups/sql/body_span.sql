-- The first and the last local day that has numbers of a day or a night.
SELECT min(day) AS first, max(day) AS last FROM (SELECT day FROM days UNION ALL SELECT day FROM nights)
