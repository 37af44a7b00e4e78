-- Where the tracks in the Parquet files $files lead through a part of the map: a row for each stretch, with columns and rows of tiles of
-- a map that is $across tiles wide, x and y in turn. A point less than $step tiles from the one before it may be left out; of an activity
-- there are $most points at most. A stretch ends where the track leaves the part, where more than $missing points have no position, and
-- where more than $pause seconds were not recorded.
WITH seen AS (
    SELECT
        activity_id, part, point, recorded_at,
        floor((longitude + 180) / 360 * $across)::INTEGER AS x,
        floor((1 - ln(tan(radians(latitude)) + 1 / cos(radians(latitude))) / pi()) / 2 * $across)::INTEGER AS y
    FROM read_parquet($files, hive_partitioning = false)
    WHERE latitude BETWEEN $south AND $north AND longitude BETWEEN $west AND $east
), followed AS (
    SELECT
        *,
        coalesce(
            point - lag(point) OVER track <= $missing AND epoch(recorded_at - lag(recorded_at) OVER track) <= $pause, false
        ) AS goes_on,
        x // $step = lag(x) OVER track // $step AND y // $step = lag(y) OVER track // $step AS stays
    FROM seen
    WINDOW track AS (PARTITION BY activity_id, part ORDER BY point)
), stretches AS (
    SELECT *, count(*) FILTER (NOT goes_on) OVER (PARTITION BY activity_id, part ORDER BY point) AS stretch
    FROM followed
), kept AS (
    SELECT *
    FROM stretches
    WHERE NOT (goes_on AND stays)
    QUALIFY row_number() OVER (PARTITION BY activity_id ORDER BY part, point) <= $most
)
SELECT activity_id, flatten(list([x, y] ORDER BY point)) AS places
FROM kept
GROUP BY activity_id, part, stretch
HAVING count(*) > 1
ORDER BY activity_id, part, stretch
