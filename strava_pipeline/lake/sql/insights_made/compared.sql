-- A year straight from the activities: what its files are laid beside. `rides`: the sports that count as rides. Of the views of
-- insights only the local year of what an archive tells no zone of is taken.
SELECT
    count(*) AS activities,
    sum(distance) FILTER (isfinite(distance) AND distance >= 0) AS distance_m,
    coalesce(list(id ORDER BY id) FILTER (list_contains($rides, coalesce(sport_type, type))), []) AS rides,
    sum(distance) FILTER (list_contains($rides, coalesce(sport_type, type)) AND isfinite(distance) AND distance >= 0) AS ridden_m
FROM activities
WHERE coalesce(year(start_date_local), (SELECT local_year FROM counted_activities WHERE activity_id = id)) = $year AND (athlete_id = $athlete_id OR athlete_id IS NULL)
