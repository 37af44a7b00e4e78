-- How long each zone of power and heart rate held in each activity, by the zones of its group that held on its day (training_zones; Allen, Coggan:
-- Training and Racing with a Power Meter, 2nd ed. 2010, ch. 3); out of `files`, Parquet of value_seconds. Power that was estimated does
-- not count.
SELECT
    held.activity_id,
    counted.athlete_id,
    counted.on_day,
    counted.local_year,
    counted.sport_group,
    held.measure,
    len(list_filter(zones.begins, lambda lowest: lowest <= held.value))::INTEGER AS zone,
    sum(held.seconds ORDER BY held.value) AS seconds,
    zones.threshold_on
FROM read_parquet(files) AS held
JOIN counted_activities AS counted USING (activity_id)
JOIN activities ON activities.id = held.activity_id
ASOF JOIN (SELECT * EXCLUDE (zone, below_value, from_value), list(from_value) AS begins FROM training_zones GROUP BY ALL) AS zones
    ON zones.measure = held.measure AND zones.sport_group = counted.sport_group AND counted.on_day >= zones.since
WHERE (held.measure <> 'watts' OR activities.device_watts IS NOT false)
  AND (zones.until IS NULL OR counted.on_day < zones.until)
GROUP BY ALL
