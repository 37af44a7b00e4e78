SELECT activity.year, count(*)
FROM {table} AS counted
LEFT JOIN activities_all AS activity ON activity.id = counted.{key}
GROUP BY activity.year
