-- The years of activities that events named: $ids.
SELECT id, year FROM activities_all WHERE source = $source AND id IN (SELECT unnest($ids))
