-- Every month of a sport beside the same month of the year before.
SELECT
    sport_group,
    make_date(local_year, local_month, 1) AS month,
    sum(activities)::BIGINT AS activities,
    sum(distance_m) / 1000 AS km,
    sum(moving_time_seconds) / 3600 AS hours,
    any_value(sum(distance_m) / 1000) OVER (
        PARTITION BY sport_group, local_month ORDER BY local_year RANGE BETWEEN 1 PRECEDING AND 1 PRECEDING
    ) AS km_before
FROM {{ source('strava', 'totals_by_month') }}
GROUP BY sport_group, local_year, local_month
