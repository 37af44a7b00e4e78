-- What had been seen of $year by $at and starts in one of the spans between $after and $before.
SELECT DISTINCT seen.id
FROM sightings AS seen
JOIN (SELECT unnest($after) AS after, unnest($before) AS before) AS span
    ON seen.start > span.after AND seen.start < span.before
WHERE seen.year = $year AND seen.first_at <= $at
