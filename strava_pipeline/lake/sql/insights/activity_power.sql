-- The best mean power of each activity over each time, out of its track, where it may be a best: measured, and not dismissed by a person.
-- Watts per kilogram are by the weight that held then: of goals.toml, or else the last one measured within 30 days. Both are the owner's,
-- so others have none.
WITH owner AS (
{owner}),
weights AS (
    SELECT owner.athlete_id, since, until, weight_kg, usual_weight_kg FROM athlete_by_date CROSS JOIN owner
)
SELECT
    held.activity_id,
    counted.athlete_id,
    counted.sport_group,
    counted.local_year,
    counted.on_day,
    held.width::INTEGER AS seconds,
    held.value AS watts,
    held.value / coalesce(weights.weight_kg, if(counted.on_day - measured.day <= 30, measured.weight_kg, NULL), weights.usual_weight_kg) AS watts_per_kg
FROM track_bests AS held
JOIN counted_activities AS counted USING (activity_id)
JOIN activities ON activities.id = held.activity_id
ANTI JOIN dismissed_bests ON dismissed_bests.activity_id = held.activity_id
LEFT JOIN weights
    ON weights.athlete_id = counted.athlete_id
    AND counted.on_day >= weights.since
    AND (weights.until IS NULL OR counted.on_day < weights.until)
ASOF LEFT JOIN (
    SELECT owner.athlete_id, day, weight_kg FROM days CROSS JOIN owner WHERE weight_kg IS NOT NULL
) AS measured
    ON measured.athlete_id = counted.athlete_id AND counted.on_day >= measured.day
WHERE held.measure = 'watts' AND activities.device_watts IS NOT false AND counted.on_day IS NOT NULL
