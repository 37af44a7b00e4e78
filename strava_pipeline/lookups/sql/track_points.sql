-- The points of the track in the file $path, joined to at most $most places, in order. Between stretches, that is at a new part and
-- where a pause is longer than $holds seconds and than $long usual intervals, a place without any value stands for the gap; at the
-- longest $most_gaps of them.
WITH timed AS (
    SELECT
        part,
        {columns},
        row_number() OVER (ORDER BY part, point) AS place,
        (epoch_us(recorded_at) - min(epoch_us(recorded_at)) OVER ()) / 1e6 AS time
    FROM read_parquet($path, hive_partitioning = false)
),
-- the step from the last position: the haversine formula
stepped AS (
    SELECT
        *,
        radians(nullif(latitude, 'nan')) AS north,
        radians(nullif(longitude, 'nan')) AS east,
        lag(north IGNORE NULLS) OVER in_order AS north_before,
        lag(east IGNORE NULLS) OVER in_order AS east_before,
        sin((north - north_before) / 2) ** 2 + cos(north) * cos(north_before) * sin((east - east_before) / 2) ** 2 AS haversine,
        if(north IS NOT NULL, 2 * $earth_m * asin(sqrt(least(coalesce(haversine, 0), 1))), NULL) AS step
    FROM timed
    WINDOW in_order AS (ORDER BY place)
),
led AS (
    SELECT * REPLACE (if(count(distance) OVER () = 0, sum(step) OVER (ORDER BY place), distance) AS distance) FROM stepped
),
-- what no device told follows from the way: of ten points, as two are metres wrong
told AS (
    SELECT * REPLACE (
        if(
            count(speed) OVER () = 0,
            (max(distance) OVER around - min(distance) OVER around) / nullif(max(time) OVER around - min(time) OVER around, 0),
            speed
        ) AS speed
    )
    FROM led
    WINDOW around AS (PARTITION BY part ORDER BY place ROWS BETWEEN 5 PRECEDING AND 5 FOLLOWING)
),
paused AS (
    SELECT *, time - lag(time) OVER in_order AS pause, part <> lag(part) OVER in_order AS is_part
    FROM told
    WINDOW in_order AS (ORDER BY place)
),
gaps AS (
    SELECT place
    FROM paused
    WHERE is_part OR pause > (SELECT greatest($holds, $long * coalesce(median(pause), 0)) FROM paused)
    ORDER BY pause DESC, place
    LIMIT $most_gaps
),
stretched AS (
    SELECT *, count(gaps.place) OVER (ORDER BY paused.place) AS stretch
    FROM paused
    LEFT JOIN gaps ON gaps.place = paused.place
),
-- how many points are joined, so that with a gap between stretches, and a rest at the end of each, not too many are left
width AS (
    SELECT CASE WHEN points + gaps > $most THEN greatest(1, ceil(points / ($most - 2 * gaps - 1)))::BIGINT ELSE 1 END AS points
    FROM (SELECT count(*) AS points, max(stretch) AS gaps FROM stretched)
),
bucketed AS (
    SELECT *, (row_number() OVER (PARTITION BY stretch ORDER BY place) - 1) // (SELECT points FROM width) AS bucket
    FROM stretched
),
joined AS (
    SELECT stretch, bucket, arg_min(time, place) AS time, {values}
    FROM bucketed
    GROUP BY stretch, bucket
)
SELECT {names}
FROM (
    FROM joined
    UNION ALL BY NAME
    SELECT stretch, max(bucket) + 1 AS bucket FROM joined WHERE stretch < (SELECT max(stretch) FROM joined) GROUP BY stretch
)
ORDER BY stretch, bucket
