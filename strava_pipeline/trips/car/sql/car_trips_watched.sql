-- Trips by car of some years: how many, points of each on average, share without the car's API. $years: partitions.
SELECT count(*), round(avg(phone_points + car_points), 1), round(avg(gps_only::INTEGER), 4)
FROM car_trips
WHERE list_contains($years, year)
