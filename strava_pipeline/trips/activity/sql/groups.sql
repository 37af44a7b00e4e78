-- For each version of the algorithms, by its place, the numbers of trips by stored verdict, new verdict and label.
SELECT place, stored, new, label, count(*) AS trips
FROM (
    SELECT
        stored, label, unnest(string_split(verdicts, ',')) AS new, generate_subscripts(string_split(verdicts, ','), 1) - 1 AS place
    FROM trips
    WHERE present AND digest IS NOT NULL
)
GROUP BY ALL
