-- What an activity nests, in order: {columns} of {table}, by {place}; all from the catalogue.
SELECT {columns} FROM {table} WHERE activity_id = $id ORDER BY {place}
