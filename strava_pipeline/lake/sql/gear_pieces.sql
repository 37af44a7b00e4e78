-- Every piece of gear of $sources that a source shows or an activity names, with how many present activities name it. Where a
-- person wrote gear as a text, each text is a piece: the commonest spelling of those that differ in case or in blanks around them.
WITH written AS (
    SELECT source, trim(extra ->> '$.equipment') AS text, count(*) AS activities, max(start_date) AS last_used_at
    FROM activities_all
    WHERE deleted_at IS NULL AND gear_source IS NULL AND text <> ''
    GROUP BY ALL
),
named AS (
    SELECT gear_source AS source, gear_id, count(*) AS activities, max(start_date) AS last_used_at
    FROM activities_all
    WHERE deleted_at IS NULL AND gear_source IS NOT NULL
    GROUP BY ALL
    UNION ALL
    SELECT source, arg_max(text, (activities, text)), sum(activities)::BIGINT, max(last_used_at)
    FROM written
    GROUP BY source, lower(nfc_normalize(text))
)
SELECT
    source,
    gear_id,
    coalesce(nullif(trim(gear.name), ''), nullif(trim(gear.nickname), ''), gear_id),
    gear.retired,
    coalesce(named.activities, 0),
    timezone('UTC', named.last_used_at)
FROM gear
FULL JOIN named USING (source, gear_id)
WHERE list_contains($sources::VARCHAR[], source)
ORDER BY source, gear_id
