-- The present activities of $months (local, as 2026-10) with what each of $sources says of them, deleted rows too: a row per
-- activity and source row, the newest activity first, the best row of a source before its others. An activity of which none of
-- them says anything has one row, without a source. Parts of a whole and activities of another athlete than the login's are left
-- out; a file alone says of none whose it is.
WITH effort AS (
    SELECT
        id,
        strftime(start_date_local, '%Y-%m') AS month,
        start_date,
        start_date_local,
        activities.distance,
        activities.sport_type,
        word.name AS own_name,
        word.gear_source AS own_source,
        word.gear_id AS own_gear,
        [listed.place, replace(split_part(timezone, '/', -1), '_', ' ')] AS towns,
        activities.counts
    FROM activities
    LEFT JOIN own_values AS word ON word.activity_id = activities.id
    LEFT JOIN (SELECT id, place FROM activity_list) AS listed USING (id)
    WHERE list_contains($months::VARCHAR[], month)
      AND id NOT IN (SELECT part_id FROM activity_matches WHERE part_id IS NOT NULL)
      AND (athlete_id IS NULL OR athlete_id = coalesce((SELECT arg_max(athlete_id, fetched_at) FROM athlete), athlete_id))
),
said AS (
    SELECT
        coalesce(member.activity_id, own.id) AS effort,
        coalesce(member.place, 0) AS place,
        own.source,
        own.source_id,
        own.account,
        own.name,
        own.gear_id,
        own.elapsed_time,
        own.extra ->> '$.equipment' AS equipment,
        coalesce(own.location_city, own.extra ->> '$.locationName') AS place_name,
        own.deleted_at IS NOT NULL AS is_deleted,
        (own.extra ->> '$.not_counted') IS NULL AS is_counted
    FROM activities_all AS own
    LEFT JOIN activity_members AS member ON member.id = own.id
    WHERE list_contains($sources::VARCHAR[], own.source)
)
SELECT
    effort.id,
    effort.month,
    timezone('UTC', effort.start_date),
    effort.start_date_local,
    effort.distance,
    effort.sport_type,
    effort.own_name,
    effort.own_source,
    effort.own_gear,
    effort.towns,
    effort.counts,
    said.source,
    said.source_id,
    said.account,
    said.name,
    coalesce(said.gear_id, said.equipment),
    said.place_name,
    said.elapsed_time,
    said.is_deleted,
    said.is_counted
FROM effort
LEFT JOIN said ON said.effort = effort.id
ORDER BY effort.start_date_local DESC, effort.id, said.place, said.source_id
