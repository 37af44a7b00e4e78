"""Matching activities of several sources, with the reasons: candidates, evidence, groups. Pure; their order does not matter."""
