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
    zones.zone,
    sum(held.seconds ORDER BY held.value) AS seconds
FROM read_parquet(files) AS held
JOIN counted_activities AS counted USING (activity_id)
JOIN activities ON activities.id = held.activity_id
JOIN training_zones AS zones ON zones.measure = held.measure AND zones.sport_group = counted.sport_group
WHERE (held.measure <> 'watts' OR activities.device_watts IS NOT false)
  AND counted.on_day >= zones.since
  AND (zones.until IS NULL OR counted.on_day < zones.until)
  AND held.value >= zones.from_value
  AND (zones.below_value IS NULL OR held.value < zones.below_value)
GROUP BY ALL
