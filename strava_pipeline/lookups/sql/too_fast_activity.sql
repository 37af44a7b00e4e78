-- Whether nobody moved as fast as the activity $id, or a stretch of its track of `too_fast_m` metres, which began at
-- `too_fast_at` and took `too_fast_seconds`; and whether it is flagged at Strava. No row: neither.
SELECT
    coalesce(too_fast.is_flagged, false) AS is_flagged,
    held.width AS too_fast_m,
    coalesce(too_fast.holds_none, false) AS holds_none,
    held.begins_at AS too_fast_at,
    held.value AS too_fast_seconds
FROM (SELECT activity_id, is_flagged, holds_none FROM too_fast_activities WHERE activity_id = $id) AS too_fast
FULL JOIN (SELECT * FROM track_bests WHERE activity_id = $id AND measure = 'too_fast') AS held USING (activity_id)
