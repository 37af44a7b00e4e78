-- The first $most rows that an activity nests, in order: {columns} of {table}, by {place}; all from the catalogue. `of_all`: how many there are.
SELECT {columns}, count(*) OVER () AS of_all FROM {table} WHERE activity_id = $id ORDER BY {place} LIMIT $most
