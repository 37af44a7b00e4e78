-- Add the activities of `rule_seen` that a rule matches to `rule_matches`. A condition that the rule lacks is NULL. $earth_m: as of
-- core/geodesy. $from is after $until where midnight lies between them.
INSERT INTO rule_matches
SELECT $number, id
FROM rule_seen
WHERE ($source::VARCHAR IS NULL OR list_contains(sources, $source::VARCHAR))
    AND ($device::VARCHAR[] IS NULL OR list_contains($device::VARCHAR[], device))
    AND ($sport::VARCHAR[] IS NULL OR list_contains($sport::VARCHAR[], sport) OR list_contains($sport::VARCHAR[], sport_group))
    AND ($name::VARCHAR IS NULL OR regexp_matches(name, $name::VARCHAR, 'i'))
    AND ($weekdays::INTEGER[] IS NULL OR list_contains($weekdays::INTEGER[], weekday))
    AND ($from::TIME IS NULL AND $until::TIME IS NULL OR CASE
        WHEN $from::TIME > $until::TIME THEN time_of_day >= $from::TIME OR time_of_day < $until::TIME
        ELSE time_of_day >= coalesce($from::TIME, '00:00:00') AND time_of_day < coalesce($until::TIME, '24:00:00')
    END)
    AND ($min_distance_m::DOUBLE IS NULL OR distance >= $min_distance_m::DOUBLE)
    AND ($max_distance_m::DOUBLE IS NULL OR distance <= $max_distance_m::DOUBLE)
    AND ($gear::VARCHAR IS NULL OR lacks_gear)
    -- no two places are nearer than their latitudes, which cost less to compare
    AND ($radius_m::DOUBLE IS NULL OR $earth_m * radians(abs(latitude - $latitude)) <= $radius_m::DOUBLE AND 2 * $earth_m * asin(least(1, sqrt(
        sin(radians(latitude - $latitude) / 2) ** 2
        + cos(radians(latitude)) * cos(radians($latitude)) * sin(radians(longitude - $longitude) / 2) ** 2
    ))) <= $radius_m::DOUBLE)
