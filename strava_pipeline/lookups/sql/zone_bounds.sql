-- The zones of $sport_group that held on the day $on_day, and since when.
SELECT measure, zone, from_value, below_value, since, threshold_on
FROM training_zones
WHERE sport_group = $sport_group AND since <= $on_day AND (until IS NULL OR until > $on_day)
ORDER BY measure, zone
