-- The local start of each activity whose zone no source tells (typed in, or done indoors): by the clock of the athlete's activity before
-- it, or else after it; UTC where no zone is known at all.
WITH owner AS (
{owner}),
known AS (
    SELECT
        start_date,
        coalesce(athlete_id, (SELECT athlete_id FROM owner)) AS whose, -- a file of one's own names nobody
        string_split(timezone, ' ')[-1] AS zone,
        utc_offset
    FROM activities_all
    WHERE utc_offset IS NOT NULL AND start_date IS NOT NULL
    -- of several that begin at once: one with a zone, and always the same one
    QUALIFY row_number() OVER (PARTITION BY start_date, whose ORDER BY zone IS NULL, id) = 1
),
zoneless AS (
    SELECT id, start_date, coalesce(athlete_id, (SELECT athlete_id FROM owner)) AS whose
    FROM activities_all
    WHERE start_date_local IS NULL AND start_date IS NOT NULL
),
placed AS (
    SELECT
        zoneless.id,
        zoneless.start_date,
        CASE WHEN earlier.whose IS NULL THEN later.zone ELSE earlier.zone END AS zone,
        coalesce(earlier.utc_offset, later.utc_offset, 0) AS utc_offset
    FROM zoneless
    ASOF LEFT JOIN known AS earlier ON earlier.whose = zoneless.whose AND earlier.start_date <= zoneless.start_date
    ASOF LEFT JOIN known AS later ON later.whose = zoneless.whose AND later.start_date > zoneless.start_date
)
SELECT
    placed.id,
    -- by the zone itself, whose summer may have begun since; a name that is none makes DuckDB's function fail
    coalesce(timezone(names.name, placed.start_date), timezone('UTC', placed.start_date) + to_seconds(placed.utc_offset)) AS start_date_local
FROM placed
LEFT JOIN pg_timezone_names() AS names ON names.name = placed.zone
ORDER BY placed.id
