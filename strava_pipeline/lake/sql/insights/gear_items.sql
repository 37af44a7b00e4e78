-- Every piece of gear that a source shows or its present rows name, or a person alone ('own'), the thing that it is (linked pieces are one), and what these
-- rows say of it; NULL where none says. Where a person wrote gear as a text, each text is a piece: the commonest spelling of those that
-- differ in case or in blanks.
WITH named AS (
    SELECT
        coalesce(gear_source, source) AS source,
        coalesce(gear_id, trim(extra ->> '$.equipment')) AS spelling,
        CASE WHEN gear_id IS NULL THEN lower(nfc_normalize(spelling)) ELSE gear_id END AS piece,
        count(*) AS rows,
        sum(CASE WHEN distance BETWEEN 0 AND 4e7 THEN distance END ORDER BY id) AS distance_m, -- as in counted_activities
        sum(CASE WHEN moving_time BETWEEN 0 AND 1e9 THEN moving_time END) AS moving_time_seconds,
        min(start_date_local::DATE) AS first_on,
        max(start_date_local::DATE) AS last_on
    FROM activities_all
    WHERE deleted_at IS NULL AND spelling <> '' AND (extra ->> '$.not_counted') IS NULL
      AND id NOT IN (SELECT id FROM activities WHERE impossible IS NOT NULL)
    GROUP BY ALL
    UNION ALL
    SELECT gear_source, gear_id, lower(nfc_normalize(trim(gear_id))), 0, NULL, NULL, NULL, NULL FROM own_values WHERE gear_source = 'own'
),
pieces AS (
    SELECT
        source,
        piece,
        arg_max(spelling, (rows, spelling)) AS spelling,
        sum(rows)::BIGINT AS rows,
        sum(distance_m ORDER BY spelling) AS distance_m,
        sum(moving_time_seconds)::BIGINT AS moving_time_seconds,
        min(first_on) AS first_on,
        max(last_on) AS last_on
    FROM named
    GROUP BY source, piece
)
SELECT
    coalesce(gear_links.item, concat(source, ':', piece)) AS item,
    source,
    piece,
    coalesce(pieces.spelling, piece) AS gear_id,
    coalesce(gear.shown, pieces.spelling, piece) AS name,
    coalesce(gear_links.item, gear.shown, pieces.spelling, piece) AS item_name,
    gear.retired,
    gear_links.item IS NOT NULL AS is_linked,
    coalesce(pieces.rows, 0) AS rows,
    pieces.distance_m,
    pieces.moving_time_seconds,
    pieces.first_on,
    pieces.last_on
FROM (
    SELECT source, gear_id AS piece, coalesce(nullif(trim(name), ''), nullif(trim(nickname), '')) AS shown, retired FROM gear
) AS gear
FULL JOIN pieces USING (source, piece)
LEFT JOIN gear_links USING (source, piece)
