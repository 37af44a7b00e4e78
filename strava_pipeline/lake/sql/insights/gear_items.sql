-- Every piece of gear that a source shows or its present activities name, and the thing that it is: linked pieces are one. Where a person
-- wrote gear as a text, each text is a piece: the commonest spelling of those that differ in case or in blanks.
WITH named AS (
    SELECT
        coalesce(gear_source, source) AS source,
        coalesce(gear_id, trim(extra ->> '$.equipment')) AS spelling,
        CASE WHEN gear_id IS NULL THEN lower(nfc_normalize(spelling)) ELSE gear_id END AS piece,
        count(*) AS activities
    FROM activities_all
    WHERE deleted_at IS NULL AND spelling <> '' AND (extra ->> '$.not_counted') IS NULL
    GROUP BY ALL
),
pieces AS (
    SELECT source, piece, arg_max(spelling, (activities, spelling)) AS spelling, true AS is_used
    FROM named
    GROUP BY ALL
)
SELECT
    coalesce(gear_links.item, concat(source, ':', piece)) AS item,
    source,
    piece,
    coalesce(pieces.spelling, piece) AS gear_id,
    coalesce(nullif(trim(gear.name), ''), nullif(trim(gear.nickname), ''), pieces.spelling, piece) AS name,
    gear.retired,
    gear_links.item IS NOT NULL AS is_linked,
    coalesce(pieces.is_used, false) AS is_used
FROM (SELECT * RENAME (gear_id AS piece) FROM gear) AS gear
FULL JOIN pieces USING (source, piece)
LEFT JOIN gear_links USING (source, piece)
