-- Of each group with one in the year: the year's number and that of all years.
SELECT of_year.sport_group, of_year.unit, of_year.eddington, of_all.eddington, of_all.days_to_next
FROM eddington_numbers AS of_year
JOIN eddington_numbers AS of_all USING (athlete_id, sport_group, unit)
WHERE athlete_id = $athlete_id AND of_year.local_year = $year AND of_all.local_year IS NULL AND unit = $unit AND of_year.eddington > 0
ORDER BY of_all.eddington DESC, of_year.sport_group
