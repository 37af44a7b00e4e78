-- Delete what sources say no more, or otherwise, of the days that new answers are about.
DELETE FROM day_values AS held
WHERE (source, day, part) IN (SELECT (source, day::DATE, part) FROM read_parquet($days))
    AND (source, day, measure, value) NOT IN (SELECT (source, day::DATE, measure, value) FROM read_parquet($numbers))
