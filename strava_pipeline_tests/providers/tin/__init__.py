"""A second toy service; ../installed/tin declares it."""
