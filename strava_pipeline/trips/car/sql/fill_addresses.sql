-- Addresses of trips by car. $rows: a staged Parquet file.
UPDATE car_trips
SET start_address = staged.start_address, end_address = staged.end_address
FROM read_parquet($rows) AS staged
WHERE car_trips.trip_id = staged.trip_id
RETURNING 1
