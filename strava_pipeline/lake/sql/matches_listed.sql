-- Pairs with their evidence, the likeliest first, with what they are called. $id: those of this one alone; NULL: all but
-- those that are joined by their evidence, of which there are many, but parts of a whole, and but what is gone.
SELECT
    pair.id,
    pair.other_id,
    pair.source,
    pair.other_source,
    said.name,
    other.name,
    said.start_date AT TIME ZONE 'UTC',
    other.start_date AT TIME ZONE 'UTC',
    pair.verdict,
    pair.joined,
    pair.score,
    pair.reasons,
    pair.decided,
    pair.waiting_id,
    pair.counted_id
FROM activity_matches AS pair
JOIN activities_all AS said ON said.id = pair.id
JOIN activities_all AS other ON other.id = pair.other_id
WHERE CASE
    WHEN $id IS NULL THEN pair.decided IS NOT NULL OR (
        NOT pair.joined AND pair.part_id IS NULL AND said.deleted_at IS NULL AND other.deleted_at IS NULL
    )
    ELSE $id IN (pair.id, pair.other_id)
END
ORDER BY pair.score DESC, pair.id, pair.other_id
