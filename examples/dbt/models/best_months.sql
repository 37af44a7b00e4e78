-- The month with most hours of each sport.
SELECT sport_group, arg_max(month, hours) AS month, max(hours) AS hours
FROM {{ ref('months') }}
GROUP BY sport_group
