-- The route that the activity $id is on, with the place where its first one began. $athlete_id NULL: of anybody.
SELECT routes.*, first.place
FROM routes
LEFT JOIN activity_list AS first ON first.id = routes.route_id
WHERE ($athlete_id::BIGINT IS NULL OR routes.athlete_id = $athlete_id) AND routes.route_id = (SELECT route_id FROM activity_routes WHERE activity_id = $id)
