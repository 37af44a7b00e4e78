-- The trips that have to be read: something differs that their answer depends on, or their rows stand in another year.
CREATE OR REPLACE TEMP TABLE due AS
SELECT
    trip_id, key, points, external_id, partition AS year, chosen AND $is_stored AS is_stored,
    CASE WHEN read_content IS NULL THEN 'new' WHEN read_content <> content THEN 'changed' ELSE 'retried' END AS why
FROM (
    SELECT
        trips.*, kept.year AS kept_year, coalesce(kept.deleted OR kept.outdated, TRUE) AS is_missing,
        greatest($first, least($newest, coalesce(trips.year, $newest))) AS partition
    FROM trips
    LEFT JOIN kept USING (external_id)
)
WHERE
    present
    AND (list_contains($years, partition) OR list_contains($years, kept_year))
    AND (
        read_content IS DISTINCT FROM content
        OR ($is_stored AND chosen AND (is_missing OR kept_year <> partition))
        OR (
            (opened IS NULL OR list_contains($ring, opened))
            AND ($again OR read_salt <> md5_number($salt) OR NOT list_has_all(string_split(tried, ','), $ring))
        )
    )
ORDER BY started DESC NULLS LAST, number IS NULL DESC, number DESC, trip_id DESC
