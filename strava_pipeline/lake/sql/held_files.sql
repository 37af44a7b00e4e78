-- Every imported file: its hash, what it holds unpacked, all its names, whether it is an archive's recording or picture.
SELECT sha256, content, names, coalesce(source = 'strava_archive' AND role IN ('activity', 'media'), false)
FROM files
