-- How many trips by car have at most so many positions, all of them, and their sum. $bounds: numbers, ascending.
SELECT
    [len(list_filter(points, lambda each: each <= bound)) FOR bound IN $bounds] AS at_most,
    len(points) AS trips,
    coalesce(list_sum(points), 0) AS positions
FROM (SELECT coalesce(list(phone_points + car_points), []) AS points FROM car_trips)
