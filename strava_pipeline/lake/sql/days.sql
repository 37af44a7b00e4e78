-- Write `days` or `nights`: each number of the first source that has it.
INSERT INTO {table} BY NAME
SELECT day, {columns}
FROM (SELECT *, list_position($sources::VARCHAR[], source) AS place FROM day_values)
WHERE measure IN ({measures})
GROUP BY day
