-- A number that differs if an activity began at another time or in another zone.
SELECT coalesce(bit_xor(hash(start_date, timezone)), 0)::HUGEINT FROM activities WHERE start_date IS NOT NULL AND timezone IS NOT NULL
