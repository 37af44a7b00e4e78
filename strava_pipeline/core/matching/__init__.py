"""Which activities of several sources are one, and why: candidates, evidence, groups. Pure; their order does not matter."""
