-- Where activities begin, to 0.01°, and whose town `near_towns` lacks, which forgets other places. [0, 0] is what devices write that know
-- no place.
CREATE OR REPLACE TEMPORARY TABLE starting_places AS
SELECT DISTINCT
    TRY_CAST(round(start_latlng[1] * 100) AS INTEGER) AS latitude_100,
    TRY_CAST(round(start_latlng[2] * 100) AS INTEGER) AS longitude_100
FROM activities_all
WHERE (latitude_100, longitude_100) <> (0, 0) AND abs(start_latlng[1]) <= 90 AND abs(start_latlng[2]) <= 180;

DELETE FROM near_towns
WHERE (latitude_100, longitude_100) NOT IN (SELECT (latitude_100, longitude_100) FROM starting_places);

DELETE FROM starting_places
WHERE (latitude_100, longitude_100) IN (SELECT (latitude_100, longitude_100) FROM near_towns);
