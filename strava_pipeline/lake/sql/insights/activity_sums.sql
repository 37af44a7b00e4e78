-- The sums of each present activity: what its sources say; where they say nothing, or what can't be, what is computed of its track.
SELECT
    activities.id AS activity_id,
    {sums},
    {computed} AS computed
FROM activities
LEFT JOIN computed_values AS track ON track.activity_id = activities.id
