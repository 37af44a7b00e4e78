-- By local year (NULL: of what has no day) a number that changes whenever anything does that the year's insights are made of; its last
-- active day; its activities; how many claim to be later than `until`, by a clock that is wrong, and are in none of the former; and how
-- many have no moving time and no climb ($lifted: sports that need none).
SELECT
    local_year,
    concat(
        count(*) FILTER (on_day <= $until),
        ':',
        bit_xor(hash(activity_id, start_date_local, sport_group, sport_type, distance_m, moving_time_seconds, elevation_gain_m))
            FILTER (on_day <= $until)
    ) AS digest,
    max(on_day) FILTER (on_day <= $until) AS last_active,
    count(*) AS activities,
    count(*) FILTER (on_day > $until) AS later,
    count(*) - count(moving_time_seconds) AS without_moving_time,
    count(*) FILTER (elevation_gain_m IS NULL AND NOT list_contains($lifted::VARCHAR[], coalesce(sport_type, ''))) AS without_climb,
    coalesce(list(DISTINCT sport_type) FILTER (sport_type IS NOT NULL), []) AS sports
FROM {counted}
WHERE athlete_id = $athlete_id
GROUP BY local_year
