-- How long each zone of power and heart rate held in the activity $id; from the Parquet files $files.
SELECT measure, zone, seconds FROM time_in_zones($files) WHERE activity_id = $id ORDER BY ALL
