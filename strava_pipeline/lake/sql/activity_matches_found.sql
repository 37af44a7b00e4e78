-- $rows: a staged Parquet file of pairs.
SELECT pair.*, coalesce(said.athlete_id, other.athlete_id) AS athlete_id, said.source, other.source AS other_source
FROM read_parquet($rows) AS pair
JOIN activities_all AS said ON said.id = pair.id
JOIN activities_all AS other ON other.id = pair.other_id
