-- Both tables are made anew from gold and decisions.
DELETE FROM activity_members;
DELETE FROM activity_matches;
