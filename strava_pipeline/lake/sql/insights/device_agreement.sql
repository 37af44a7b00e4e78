-- How two devices agreed in each month. Two recordings by the same model can't be told apart, so they are left out.
SELECT
    counted.athlete_id,
    pair.first_by,
    pair.second_by,
    pair.quantity,
    counted.sport_group,
    date_trunc('month', counted.on_day)::DATE AS month,
    count(DISTINCT pair.activity_id) AS efforts,
    sum(pair.seconds)::BIGINT AS seconds,
    median(pair.difference) AS difference,
    avg(pair.mean_difference) - 1.96 * sqrt(avg(pair.spread ** 2)) AS low_limit,
    avg(pair.mean_difference) + 1.96 * sqrt(avg(pair.spread ** 2)) AS high_limit,
    median(pair.scale) AS scale,
    avg(pair.first_dropouts) AS first_dropouts,
    avg(pair.second_dropouts) AS second_dropouts
FROM recording_pairs AS pair
JOIN counted_activities AS counted USING (activity_id)
WHERE counted.on_day IS NOT NULL AND pair.first_by <> pair.second_by AND pair.seconds > 0
GROUP BY ALL
