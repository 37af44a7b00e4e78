-- The fastest times of the activity $id, from short to long.
SELECT bests.record, bests.value, bests.unit, bests.told_by, bests.measured_by, bests.is_dismissed
FROM activity_bests AS bests
JOIN standard_distances AS lengths USING (record)
WHERE bests.activity_id = $id
ORDER BY lengths.distance_m, bests.value
