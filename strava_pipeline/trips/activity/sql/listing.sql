-- Where a listing of the source is written as it comes.
CREATE OR REPLACE TEMP TABLE listed (key VARCHAR, trip_id VARCHAR, content UHUGEINT);
CREATE OR REPLACE TEMP TABLE incoming (trip_id VARCHAR, external_id VARCHAR, year INTEGER, started DOUBLE, number BIGINT, points BIGINT)
