-- The $most newest trips by car, without positions, places and addresses.
SELECT trip_id, user_id, car_name, start_time, end_time, distance_km * 1000 AS distance_m, classification, long_route, gps_only
FROM car_trips
ORDER BY start_time DESC, trip_id
LIMIT $most
