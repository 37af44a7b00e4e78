-- Both tables are made anew from gold and decisions; who belonged to which activity is remembered for the transaction.
CREATE OR REPLACE TEMP TABLE members_before AS FROM activity_members;
DELETE FROM activity_members;
DELETE FROM activity_matches;
