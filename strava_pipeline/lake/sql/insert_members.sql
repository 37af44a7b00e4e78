-- $rows: a staged Parquet file of who belongs to which activity.
INSERT INTO activity_members BY NAME
SELECT member.*, said.athlete_id, said.source
FROM read_parquet($rows) AS member
JOIN activities_all AS said ON said.id = member.id
