-- By local year a number that changes whenever anything does that the year's insights are made of; and its last active day, up to
-- `until`: what claims to be later is by a clock that is wrong.
SELECT
    local_year,
    concat(
        count(*),
        ':',
        bit_xor(hash(activity_id, start_date_local, sport_group, distance_m, moving_time_seconds, elevation_gain_m))
    ) AS digest,
    max(on_day) AS last_active
FROM counted_activities
WHERE athlete_id = $athlete_id AND on_day <= $until
GROUP BY local_year
