"""intervals.icu's API, as its documentation and its users describe it."""
