-- Whether nobody moved as fast as the activity $id, or a stretch of its track of `too_fast_m` metres; and whether it is flagged at
-- Strava. No row: neither.
SELECT coalesce(too_fast.is_flagged, false) AS is_flagged, held.width AS too_fast_m, coalesce(too_fast.holds_none, false) AS holds_none
FROM (SELECT activity_id, is_flagged, holds_none FROM too_fast_activities WHERE activity_id = $id) AS too_fast
FULL JOIN (SELECT activity_id, width FROM track_bests WHERE activity_id = $id AND measure = 'too_fast') AS held USING (activity_id)
