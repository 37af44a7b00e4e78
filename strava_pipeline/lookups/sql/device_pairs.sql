-- How each two devices of the owner agreed, by quantity, and in each effort by day. Recordings of an activity that
-- counts in nothing say as much of devices.
WITH owner AS (
{owner})
SELECT
    first_by,
    second_by,
    quantity,
    bool_or(first_by = first_device) AS first_is_device,
    bool_or(second_by = second_device) AS second_is_device,
    count(DISTINCT pair.activity_id) AS efforts,
    sum(seconds)::BIGINT AS seconds,
    median(difference) AS difference,
    avg(mean_difference) - $limits * sqrt(avg(spread ** 2)) AS low_limit,
    avg(mean_difference) + $limits * sqrt(avg(spread ** 2)) AS high_limit,
    median(scale) AS scale,
    avg(first_dropouts) AS first_dropouts,
    avg(second_dropouts) AS second_dropouts,
    avg(first_frozen) AS first_frozen,
    avg(second_frozen) AS second_frozen,
    avg(first_zeros) AS first_zeros,
    avg(second_zeros) AS second_zeros,
    sum(first_locked)::BIGINT AS first_locked,
    sum(second_locked)::BIGINT AS second_locked,
    arg_max(activity_id, on_day) AS newest_id,
    list(struct_pack(
        day := on_day, activity_id := activity_id, seconds := seconds, difference := difference, mean := mean_difference, spread := spread,
        dropouts := greatest(first_dropouts, second_dropouts)
    ) ORDER BY on_day, activity_id) AS by_effort
FROM recording_pairs AS pair
JOIN activity_list ON activity_list.id = pair.activity_id
JOIN owner ON coalesce(pair.athlete_id, owner.athlete_id) = owner.athlete_id
WHERE on_day IS NOT NULL AND first_by <> second_by AND seconds > 0
GROUP BY first_by, second_by, quantity
ORDER BY quantity, efforts DESC, first_by, second_by
