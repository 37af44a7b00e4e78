-- A table becomes what a query says: see lake/gold/making.py.
MERGE INTO {table} AS gold
USING ({query}) AS made
ON {same_key}
WHEN MATCHED AND ({gold}) IS DISTINCT FROM ({made}) AND ({counts}) THEN UPDATE BY NAME
WHEN NOT MATCHED BY TARGET THEN INSERT BY NAME
{others}
RETURNING merge_action
