-- How many trips of $years each key opened.
SELECT opened, count(*) AS trips
FROM trips
WHERE present AND opened IS NOT NULL AND list_contains($years, greatest($first, least($newest, coalesce(year, $newest))))
GROUP BY ALL
