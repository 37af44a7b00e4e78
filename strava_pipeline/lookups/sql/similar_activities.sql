-- The $most activities that are most like $id: those of its route, then others of its athlete and group of sports in the same world, as far to 10 %, as
-- high to 25 % or 50 m, and, where both say where they began, from within 5 km. `apart` is the sum of these three differences, each
-- as a share of what it may be; 1 where one of the two does not say.
WITH placed AS (
    SELECT
        counted.*,
        activities.year,
        ways.route_id,
        CASE WHEN activities.start_latlng <> [0.0, 0.0] THEN activities.start_latlng END AS place -- of none, devices write 0, 0
    FROM counted_activities AS counted
    JOIN activities ON activities.id = counted.activity_id
    LEFT JOIN activity_routes AS ways ON ways.activity_id = counted.activity_id
    WHERE counted.distance_m > 0
),
mine AS (
    SELECT * FROM placed WHERE activity_id = $id
),
compared AS (
    SELECT
        other.*,
        coalesce(other.route_id = mine.route_id, false) AS is_on_route,
        abs(other.distance_m - mine.distance_m) / (0.1 * mine.distance_m) AS farther,
        abs(other.elevation_gain_m - mine.elevation_gain_m) / greatest(50, 0.25 * mine.elevation_gain_m) AS higher,
        -- on a plane: within some km the earth is flat; 111,195 m of a degree
        sqrt(
            (other.place[1] - mine.place[1]) ** 2
            + ((other.place[2] - mine.place[2]) * cos(radians(mine.place[1]))) ** 2
        ) * 111195 / 5000 AS elsewhere
    FROM placed AS other
    JOIN mine ON mine.athlete_id = other.athlete_id AND mine.sport_group = other.sport_group AND mine.is_virtual = other.is_virtual
    WHERE other.activity_id <> $id
)
SELECT
    activity_id,
    year,
    name,
    sport_type,
    sport_group,
    start_date_local,
    distance_m,
    moving_time_seconds,
    elevation_gain_m,
    distance_m / nullif(moving_time_seconds, 0) AS average_speed,
    is_on_route,
    farther + coalesce(higher, 1) + coalesce(elsewhere, 1) AS apart
FROM compared
WHERE is_on_route OR (farther <= 1 AND coalesce(higher <= 1, true) AND coalesce(elsewhere <= 1, true))
ORDER BY is_on_route DESC, apart, start_date_local DESC NULLS LAST, activity_id
LIMIT $most
