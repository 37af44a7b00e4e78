-- Insert the numbers of new answers that are not there. Should two kinds of answers have one number, one of them counts.
INSERT INTO day_values BY NAME
SELECT source, day::DATE AS day, measure, any_value(value) AS value, any_value(part) AS part, ({owner}) AS athlete_id
FROM read_parquet($numbers) AS numbers
WHERE (source, day::DATE, measure) NOT IN (SELECT (source, day, measure) FROM day_values)
GROUP BY ALL
RETURNING day
