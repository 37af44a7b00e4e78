-- What was no trip by car, by reason. $years: partitions.
SELECT reason, count(*)
FROM car_trip_cancellations
WHERE list_contains($years, year)
GROUP BY reason
ORDER BY reason
