-- Which pages of the menu have anything to show: `body`, `devices`, `segments`, `gear`, `pairs` that may be one, and `sync`, where several
-- services are compared.
SELECT
    EXISTS (FROM days) OR EXISTS (FROM nights) AS body,
    EXISTS (FROM recording_pairs WHERE first_by <> second_by AND seconds > 0) AS devices,
    EXISTS (FROM activity_segment_efforts) AS segments,
    EXISTS (FROM gear) OR EXISTS (FROM activity_list WHERE gear_item IS NOT NULL) AS gear,
    EXISTS (FROM activity_matches WHERE decided IS NOT NULL OR NOT joined AND part_id IS NULL) AS pairs,
    (SELECT count(DISTINCT source) > 1 FROM activities_all WHERE NOT list_contains($imported, source)) AS sync
