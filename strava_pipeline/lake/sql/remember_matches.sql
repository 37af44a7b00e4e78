-- Who belonged to which activity, and which were parts, for the transaction.
CREATE OR REPLACE TEMP TABLE members_before AS FROM activity_members;
CREATE OR REPLACE TEMP TABLE parts_before AS SELECT DISTINCT part_id FROM activity_matches WHERE part_id IS NOT NULL;
