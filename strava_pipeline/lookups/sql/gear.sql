-- What each service's own rows say of its gear: how often, how far and how long it was used; NULL where none says.
SELECT source, piece AS gear_id, item, name, retired, rows, distance_m, moving_time_seconds, first_on, last_on
FROM gear_items
ORDER BY distance_m DESC NULLS LAST, source, gear_id
