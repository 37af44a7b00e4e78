-- How long each zone of power and heart rate held in each activity, by the zones of its group that held on its day (training_zones; Allen, Coggan:
-- Training and Racing with a Power Meter, 2nd ed. 2010, ch. 3); out of `files`, Parquet of value_seconds. Power that was estimated does
-- not count.
WITH periods AS (
    SELECT * EXCLUDE (zone, below_value, from_value), list(from_value) AS begins FROM training_zones GROUP BY ALL
),
zoned AS (
    SELECT counted.*, zones.begins, zones.threshold_on
    FROM (SELECT * FROM counted_activities CROSS JOIN (SELECT DISTINCT measure FROM periods)) AS counted
    JOIN activities ON activities.id = counted.activity_id
    ASOF JOIN periods AS zones
        ON zones.measure = counted.measure AND zones.sport_group = counted.sport_group AND counted.on_day >= zones.since
    WHERE (counted.measure <> 'watts' OR activities.device_watts IS NOT false)
      AND (zones.until IS NULL OR counted.on_day < zones.until)
)
SELECT
    activity_id,
    zoned.athlete_id,
    zoned.on_day,
    zoned.local_year,
    zoned.sport_group,
    measure,
    len(list_filter(zoned.begins, lambda lowest: lowest <= held.value))::INTEGER AS zone,
    sum(held.seconds ORDER BY held.value) AS seconds,
    zoned.threshold_on
FROM read_parquet(files) AS held
JOIN zoned USING (activity_id, measure)
GROUP BY ALL
