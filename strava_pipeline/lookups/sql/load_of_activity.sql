-- The load of the activity $id, and what it goes by.
SELECT * EXCLUDE (athlete_id, sport_group, on_day) FROM activity_load WHERE activity_id = $id
