-- Every version of the activities that shards or gold have in $years, at the best of their sources ($sources: best first): when each
-- content came first, and in which row of which file of $all: the shards of every year, as the year of an activity may have been
-- edited; $years: of a sighting that stands in two, the one of these is taken. What the rows hold is for the tables' queries to read.
CREATE OR REPLACE TEMP TABLE versions AS
WITH best AS (
    SELECT id, year, athlete_id, source, account, ingestion_ts, content_hash, fingerprint, 
        list_position($all, filename)::SMALLINT AS file, file_row_number AS place
    FROM read_parquet($all, hive_partitioning = false)
    SEMI JOIN (
        SELECT id FROM read_parquet($all, hive_partitioning = false) WHERE list_contains($years, year)
        UNION
        SELECT id FROM activities_all WHERE list_contains($years, year)
    ) USING (id)
    QUALIFY list_position($sources, source) IS NOT DISTINCT FROM min(list_position($sources, source)) OVER (PARTITION BY id)
),
said AS (
    SELECT *, arg_max(account, (ingestion_ts, account)) FILTER (account IS NOT NULL) OVER (PARTITION BY id) AS last_account
    FROM best
    QUALIFY row_number() OVER (
        PARTITION BY id, ingestion_ts ORDER BY content_hash DESC, NOT list_contains($years, year), year DESC
    ) = 1
),
seen AS (
    SELECT
        *,
        lag(content_hash) OVER in_order IS DISTINCT FROM content_hash AS is_new,
        lag(fingerprint) OVER in_order IS DISTINCT FROM fingerprint AS is_edit
    FROM said
    WINDOW in_order AS (PARTITION BY id ORDER BY ingestion_ts)
),
told AS (
    SELECT *, max(ingestion_ts) FILTER (is_edit) OVER (PARTITION BY id ORDER BY ingestion_ts) AS edited_at FROM seen
)
SELECT
    * EXCLUDE (content_hash, fingerprint, is_new, is_edit, account),
    row_number() OVER in_order AS version,
    lead(ingestion_ts) OVER in_order AS ended_at,
    lag(file) OVER in_order AS file_before,
    lag(place) OVER in_order AS place_before,
    last_value(year) OVER (in_order ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS newest_year
FROM told
WHERE is_new
WINDOW in_order AS (PARTITION BY id ORDER BY ingestion_ts)
