-- Rows of the published details $ids that nothing on disk brings any more.
INSERT INTO {table} BY NAME
SELECT * FROM published.{table} WHERE activity_id IN (SELECT unnest($ids))
