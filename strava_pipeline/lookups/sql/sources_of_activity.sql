-- What each source says of the activity $id, the best source first; or of the rows with $ids. {has_time}: as in `activities`.
SELECT
    said.id,
    said.activity_id,
    said.source,
    said.source_id,
    said.account,
    coalesce(member.place, 0) AS place,
    said.name,
    coalesce(said.sport_type, said.type, said.extra ->> '$.sport') AS sport_type,
    said.start_date,
    said.start_date_local,
    {has_time} AS has_time,
    said.distance,
    said.moving_time,
    said.elapsed_time,
    said.total_elevation_gain,
    said.average_heartrate,
    said.average_watts,
    said.gear_source,
    said.gear_id,
    coalesce(gear.name, gear.nickname, nullif(trim(said.extra ->> '$.equipment'), '')) AS gear_name,
    said.device_name,
    said.ingestion_ts AS received_at,
    said.edited_at,
    said.deleted_at
FROM activity_sources AS said
LEFT JOIN activity_members AS member ON member.id = said.id
LEFT JOIN gear ON gear.source = said.gear_source AND gear.gear_id = said.gear_id
WHERE said.activity_id = $id OR list_contains($ids, said.id)
ORDER BY place, said.source, said.id
