"""Everything an athlete ever recorded, in one warehouse on their own disk."""
