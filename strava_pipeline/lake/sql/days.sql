-- The rows of `days` or `nights`: each number of the first source that has it.
SELECT day, {columns}
FROM (SELECT *, list_position($sources::VARCHAR[], source) AS place FROM day_values)
WHERE measure IN ({measures})
GROUP BY day
