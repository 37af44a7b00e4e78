DELETE FROM activity_history WHERE activity_id IN (SELECT id FROM lacking)
