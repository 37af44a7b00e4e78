-- $rows: a staged Parquet file of who belongs to which activity.
SELECT member.*, said.athlete_id, said.source
FROM read_parquet($rows) AS member
JOIN activities_all AS said ON said.id = member.id
