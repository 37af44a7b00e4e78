-- The saved rows of trips that were read are older than what was read, unless it is saved, too; $ids: of the trips.
UPDATE kept SET outdated = TRUE
WHERE external_id IN (SELECT external_id FROM trips WHERE chosen AND trip_id IN (SELECT unnest($ids)))
