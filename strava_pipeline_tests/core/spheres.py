"""The great-circle distance of two positions, number by number: what the pipeline's own is compared with."""

import math

R = 6_371_008.8


def haversine(a: tuple[float, float], b: tuple[float, float]) -> float:
    (phi, lam), (phi_2, lam_2) = [tuple(map(math.radians, position)) for position in (a, b)]
    h = math.sin((phi_2 - phi) / 2) ** 2 + math.cos(phi) * math.cos(phi_2) * math.sin((lam_2 - lam) / 2) ** 2
    return 2 * R * math.asin(min(1.0, math.sqrt(h)))
