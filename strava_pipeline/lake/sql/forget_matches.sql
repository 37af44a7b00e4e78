-- Both tables are made anew from gold and decisions; who belonged to which activity, and which were parts, is remembered for the transaction.
CREATE OR REPLACE TEMP TABLE members_before AS FROM activity_members;
CREATE OR REPLACE TEMP TABLE parts_before AS SELECT DISTINCT part_id FROM activity_matches WHERE part_id IS NOT NULL;
DELETE FROM activity_members;
DELETE FROM activity_matches;
