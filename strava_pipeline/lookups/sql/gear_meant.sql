-- The thing that $gear means: by its item, or a piece's source and id, and texts in any case.
SELECT item
FROM gear_items
WHERE $gear IN (item, source || ':' || gear_id) OR source || ':' || piece IN ($gear, lower(nfc_normalize(trim($gear))))
ORDER BY item = $gear DESC, source || ':' || piece = $gear DESC, item
LIMIT 1
