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
paused AS (
    SELECT *, time - lag(time) OVER in_order AS pause, part <> lag(part) OVER in_order AS is_part
    FROM timed
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
