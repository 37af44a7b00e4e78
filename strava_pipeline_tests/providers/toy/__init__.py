"""A toy service, as a package that somebody else wrote brings a source; ../installed/toy declares it."""
