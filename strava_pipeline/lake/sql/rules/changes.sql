-- By rule and field, how many activities the rule changes, as no earlier rule gives that field and the person said nothing of it;
-- and the newest three, with the value before and after.
WITH side AS (
    SELECT said.*, rank() OVER (PARTITION BY said.activity_id ORDER BY points IS NULL, member.place) = 1 AS is_track
    FROM (
        SELECT activity_id, first_id AS id, first_points AS points, first_by AS by FROM recording_pairs WHERE quantity = 'heartrate'
        UNION
        SELECT activity_id, second_id, second_points, second_by FROM recording_pairs WHERE quantity = 'heartrate'
    ) AS said
    LEFT JOIN activity_members AS member ON member.id = said.id
)
SELECT
    number,
    field,
    count(*) AS activities,
    list({'activity_id': activity_id, 'field': field, 'old': before, 'new': value} ORDER BY started_at DESC, activity_id)[:3] AS examples
FROM (
    SELECT
        activity_id,
        field,
        number,
        value,
        seen.started_at,
        CASE field
            WHEN 'name' THEN seen.name
            WHEN 'sport_type' THEN seen.sport_type
            WHEN 'gear' THEN seen.gear
            WHEN 'commute' THEN seen.commute::VARCHAR
            WHEN 'counts' THEN seen.counts::VARCHAR
        END AS before
    FROM rule_matches
    JOIN rule_fields USING (number)
    JOIN rule_seen AS seen ON seen.id = activity_id
    WHERE NOT list_contains(seen.said, field)
        -- only where another recording than that of the track is by that device
        AND (field <> 'heartrate_from' OR EXISTS (
            FROM side
            WHERE side.activity_id = rule_matches.activity_id AND lower(trim(value)) = lower(side.by) AND NOT side.is_track
        ))
    QUALIFY row_number() OVER (PARTITION BY activity_id, field ORDER BY number) = 1
)
WHERE value IS DISTINCT FROM before
GROUP BY number, field
ORDER BY number, field
