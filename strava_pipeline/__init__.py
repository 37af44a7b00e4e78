"""Everything an athlete ever recorded, in one warehouse on their own disk. The rooms are described in docs/architecture.md."""
