-- Activities of which a person cut something, or whose heart rate a rule takes from one device: the id, the year, the cuts, the device, and
-- how long it moved (s).
SELECT activities_all.id, activities_all.year, corrections.cuts, ruled.heartrate_from, activities_all.moving_time
FROM activities_all
LEFT JOIN corrections ON corrections.activity_id = activities_all.id
LEFT JOIN ruled ON ruled.activity_id = activities_all.id
WHERE corrections.cuts IS NOT NULL OR ruled.heartrate_from IS NOT NULL
