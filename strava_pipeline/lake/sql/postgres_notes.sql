-- In PostgreSQL: what was exported last, a row for each athlete, table and year.
CREATE TABLE {table} (
    exported_for bigint,
    table_name text,
    exported_year integer,
    "rows" bigint NOT NULL,
    content text NOT NULL,
    exported_at timestamp with time zone NOT NULL DEFAULT now(),
    PRIMARY KEY (exported_for, table_name, exported_year)
)
