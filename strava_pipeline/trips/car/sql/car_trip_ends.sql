-- Where each trip by car began and ended, and the addresses that it has so far; the newest first.
SELECT trip_id, start_lat, start_lng, end_lat, end_lng, start_address, end_address
FROM car_trips
ORDER BY start_time DESC, trip_id
