-- What stands beside a month is of the same month one year before, or nothing: the difference has to be empty.
SELECT months.sport_group, months.month, months.km_before, before.km
FROM {{ ref('months') }} AS months
LEFT JOIN {{ ref('months') }} AS before
    ON before.sport_group = months.sport_group AND before.month = months.month - INTERVAL 1 YEAR
WHERE months.km_before IS DISTINCT FROM before.km
