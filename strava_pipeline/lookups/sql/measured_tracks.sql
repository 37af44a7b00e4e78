-- How many activities of each local year and group have a track with bests, and how many of these are from $first to $until.
SELECT
    counted.local_year AS year,
    counted.sport_group,
    count(DISTINCT activity_id) AS activities,
    count(DISTINCT activity_id) FILTER (counted.on_day BETWEEN $first AND $until) AS of_period
FROM track_bests
JOIN counted_activities AS counted USING (activity_id)
WHERE track_bests.measure <> 'heartrate' AND counted.athlete_id = $athlete_id AND counted.local_year IS NOT NULL
GROUP BY ALL
ORDER BY ALL
