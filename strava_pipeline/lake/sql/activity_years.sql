-- The local year of each activity of any source.
CREATE TEMP TABLE activity_years AS
SELECT id, any_value(year) AS year
FROM (SELECT id, year FROM activities_all UNION ALL SELECT id, year FROM imported_activities)
GROUP BY id
