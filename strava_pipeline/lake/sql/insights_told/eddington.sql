-- Of each group: the year's number, 0 without one, and that of all years.
SELECT of_all.sport_group, of_all.unit, coalesce(of_year.eddington, 0), of_all.eddington, of_all.days_to_next
FROM eddington_numbers AS of_all
LEFT JOIN eddington_numbers AS of_year
    ON of_year.athlete_id = of_all.athlete_id AND of_year.sport_group = of_all.sport_group AND of_year.unit = of_all.unit
    AND of_year.local_year = $year
WHERE of_all.athlete_id = $athlete_id AND of_all.local_year IS NULL AND of_all.unit = $unit AND of_all.eddington > 0
ORDER BY of_all.eddington DESC, of_all.sport_group
