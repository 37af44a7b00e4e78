CREATE OR REPLACE VIEW activities AS
SELECT * EXCLUDE (deleted_at) FROM activities_all WHERE deleted_at IS NULL;

CREATE OR REPLACE VIEW deleted_activities AS
SELECT * FROM activities_all WHERE deleted_at IS NOT NULL;
