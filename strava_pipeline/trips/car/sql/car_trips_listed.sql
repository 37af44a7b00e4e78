-- The newest trips by car, without positions. $user, $year: NULL for all; $most: how many.
SELECT
    trip_id, user_id, car_id, car_name, start_time, end_time, distance_km, distance_source, gps_only,
    start_location, end_location, classification, via, long_route, deviation_percent, resumes_trip_id
FROM car_trips
WHERE ($user IS NULL OR user_id = $user) AND ($year IS NULL OR year = $year)
ORDER BY start_time DESC, trip_id
LIMIT $most
