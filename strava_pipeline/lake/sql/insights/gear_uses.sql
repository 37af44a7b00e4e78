-- Each activity that counts with each thing that any of its sources names, once; with the one that a person or a rule names, if any. Where sources name two linked things, the one counts that
-- leads in the activity.
WITH said AS (
    SELECT DISTINCT
        coalesce(member.activity_id, own.id) AS activity_id,
        coalesce(own.gear_source, own.source) AS source,
        coalesce(own.gear_id, lower(nfc_normalize(trim(own.extra ->> '$.equipment')))) AS piece
    FROM activities_all AS own
    LEFT JOIN activity_members AS member ON member.id = own.id
    WHERE own.deleted_at IS NULL AND piece <> '' AND (own.extra ->> '$.not_counted') IS NULL
      AND coalesce(member.activity_id, own.id) NOT IN (SELECT activity_id FROM own_values WHERE gear_id IS NOT NULL)
    UNION ALL
    SELECT word.activity_id, meant.source, meant.piece
    FROM own_values AS word
    JOIN gear_items AS meant ON meant.source = word.gear_source AND word.gear_id IN (meant.piece, meant.gear_id)
)
SELECT DISTINCT
    items.item,
    counted.activity_id,
    counted.athlete_id,
    counted.on_day,
    counted.distance_m,
    counted.moving_time_seconds
FROM said
JOIN gear_items AS items USING (source, piece)
JOIN counted_activities AS counted USING (activity_id)
LEFT JOIN gear_items AS lead_item ON lead_item.source = counted.gear_source AND lead_item.piece = counted.gear_id
WHERE NOT (items.is_linked AND coalesce(lead_item.is_linked, false) AND items.item <> lead_item.item)
