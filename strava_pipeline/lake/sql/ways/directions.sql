-- Whether a way goes along the first way of its route as that one went: the mean sign of its progress there, from cell to cell.
WITH step AS (
    SELECT one.place, sign(head.first_m - lag(head.first_m) OVER (PARTITION BY one.place ORDER BY one.first_m)) AS ahead
    FROM (SELECT unnest(from_json($pairs, '[{"place": "BIGINT", "route": "BIGINT"}]'), recursive := true)) AS pair
    JOIN cell AS one ON one.place = pair.place
    JOIN cell AS head ON head.place = pair.route AND head.cell = one.cell
)
SELECT place, avg(ahead) AS direction
FROM step
GROUP BY place
