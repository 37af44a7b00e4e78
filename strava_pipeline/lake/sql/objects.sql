-- Everything that a statement could make or change, with what tells whether it did.
SELECT 'table' AS kind, database_name, schema_name, table_name AS name, concat(table_oid, sql) AS made_as FROM duckdb_tables()
UNION ALL
SELECT 'view', database_name, schema_name, view_name, sql FROM duckdb_views() WHERE NOT internal
UNION ALL
SELECT 'macro', database_name, schema_name, function_name, concat(parameters::VARCHAR, macro_definition)
FROM duckdb_functions() WHERE NOT internal
UNION ALL
SELECT 'type', database_name, schema_name, type_name, type_oid::VARCHAR FROM duckdb_types() WHERE NOT internal
UNION ALL
SELECT 'schema', database_name, schema_name, schema_name, oid::VARCHAR FROM duckdb_schemas() WHERE NOT internal
UNION ALL
SELECT 'index', database_name, schema_name, index_name, sql FROM duckdb_indexes()
UNION ALL
SELECT 'sequence', database_name, schema_name, sequence_name, sql FROM duckdb_sequences()
