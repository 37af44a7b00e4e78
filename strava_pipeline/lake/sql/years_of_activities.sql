-- The partitions of some activities.
SELECT DISTINCT year FROM activities_all WHERE id IN (SELECT unnest($ids::BIGINT[]))
