-- Forgets the trips that the source no longer has, unless their row awaits a person's word.
DELETE FROM trips WHERE NOT present AND external_id NOT IN (SELECT external_id FROM kept WHERE NOT deleted);
DELETE FROM routes WHERE external_id NOT IN (SELECT external_id FROM trips)
