-- By rule and field, how many activities the rule changes, as no earlier rule gives that field and the person said nothing of it;
-- and the newest three, with the value before and after.
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
        -- only where that device recorded beside another one
        AND (field <> 'heartrate_from' OR EXISTS (
            FROM recording_pairs AS pair
            WHERE
                pair.activity_id = rule_matches.activity_id
                AND quantity = 'heartrate'
                AND lower(trim(value)) IN (lower(first_by), lower(second_by))
        ))
    QUALIFY row_number() OVER (PARTITION BY activity_id, field ORDER BY number) = 1
)
WHERE value IS DISTINCT FROM before
GROUP BY number, field
ORDER BY number, field
