-- The nearest town of each place in `starting_places`. $towns: the file of core/places. Towns are looked for in the place's cell of
-- 0.5° by 1° and in the eight around it: all that are within 25 km, up to 77° to the north or south. Distances as on a plane, whose
-- error within 25 km does not matter to a name.
INSERT INTO near_towns
WITH place AS (
    SELECT latitude_100, longitude_100, latitude_100 / 100 AS latitude, longitude_100 / 100 AS longitude
    FROM starting_places
),
around AS (
    SELECT
        place.*,
        floor(latitude * 2)::INTEGER + rows.beside AS cell_row,
        floor(longitude)::INTEGER + columns.beside AS cell_column  -- no town lies within 25 km beyond 180°
    FROM place
    CROSS JOIN (VALUES (-1), (0), (1)) AS rows (beside)
    CROSS JOIN (VALUES (-1), (0), (1)) AS columns (beside)
),
town AS (
    SELECT
        name,
        latitude_100 / 100 AS latitude,
        longitude_100 / 100 AS longitude,
        floor(latitude_100 / 50)::INTEGER AS cell_row,
        floor(longitude_100 / 100)::INTEGER AS cell_column
    FROM read_csv(
        $towns,
        auto_detect = false,  -- which would take two thirds of the time
        header = true,
        delim = ',',
        quote = '"',
        escape = '"',
        columns = {'name': 'VARCHAR', 'latitude_100': 'INTEGER', 'longitude_100': 'INTEGER', 'thousands': 'INTEGER'}
    )
),
apart AS (
    SELECT
        around.latitude_100,
        around.longitude_100,
        town.name,
        111.2 * sqrt(  -- kilometres of a degree
            (around.latitude - town.latitude) ** 2
            + ((around.longitude - town.longitude) * cos(radians(around.latitude))) ** 2
        ) AS km
    FROM around
    JOIN town USING (cell_row, cell_column)
)
SELECT place.latitude_100, place.longitude_100, arg_min(apart.name, (apart.km, apart.name)) FILTER (km <= 25) AS town
FROM place
LEFT JOIN apart USING (latitude_100, longitude_100)
GROUP BY ALL
