-- A year straight from the activities, without any view of insights: what its files are laid beside. `rides`: the sports that count
-- as rides; whose activities count as whose is told by the caller.
SELECT
    count(*) AS activities,
    sum(distance) FILTER (isfinite(distance) AND distance >= 0) AS distance_m,
    coalesce(list(id ORDER BY id) FILTER (list_contains($rides, coalesce(sport_type, type))), []) AS rides,
    sum(distance) FILTER (list_contains($rides, coalesce(sport_type, type)) AND isfinite(distance) AND distance >= 0) AS ridden_m
FROM activities
WHERE year(start_date_local) = $year AND (athlete_id = $athlete_id OR athlete_id IS NULL)
