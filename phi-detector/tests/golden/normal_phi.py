#!/usr/bin/env python3
"""Writes normal_phi.csv: reference values of phi(z) = -log10 Q(z), Q the upper tail of the standard normal.

    pip install mpmath && python3 normal_phi.py > normal_phi.csv

Computed with mpmath at 60 significant digits from the exact value of each double z; written with 25. Most z are
multiples of 2^-30, so that a detector with a deviation of 2^30 ns meets them exactly at whole nanoseconds; the rest
are arbitrary doubles. The sequence of pseudo-random z is a fixed linear congruence: the file is reproducible.
"""

from mpmath import mp, mpf, erfc, log, log1p, nstr, sqrt

mp.dps = 60
GRID = 2.0**-30


def phi(z):
    tail = lambda x: erfc(mpf(x) / sqrt(mpf(2))) / 2
    return -log1p(-tail(-z)) / log(mpf(10)) if z < 0 else -log(tail(z)) / log(mpf(10))


def points():
    on_grid = set()
    # The whole range.
    on_grid.update(float(z) for z in range(-40, 41))
    on_grid.update(-40 + k * 0.375 for k in range(0, 200))
    on_grid.update([50, 64, 75, 100, 128, 150, 200, 256, 300, 400, 500, 512, 600, 700, 750, 800, 900, 950, 999, 1000])
    # Where the formula changes, and around zero: to either side, near and nearer.
    for centre in (-8.0, 0.0, 5.0):
        for distance in (1, 2, 10, 1074, 10**5, 10**6, 10**7, 10**8):
            on_grid.update((centre - distance * GRID, centre + distance * GRID))
    # Where Q itself leaves the normal and then all doubles.
    on_grid.update([37.25, 37.5, 37.75, 38.25, 38.5, 38.75, -37.25, -37.5, -37.75, -38.25, -38.5, -38.75])
    # Dense around the body.
    on_grid.update(k / 32 for k in range(-96, 97))

    arbitrary = set()
    state = 20041018
    for low, high, count in ((-37, -8, 40), (-8, 0, 40), (0, 5, 40), (5, 40, 40), (40, 1000, 40)):
        for _ in range(count):
            state = (6364136223846793005 * state + 1442695040888963407) % 2**64
            arbitrary.add(low + (high - low) * (state >> 11) / 2**53)
    return sorted(on_grid | arbitrary)


print("z,phi")
for z in points():
    z = float(z)
    print(f"{z!r},{nstr(phi(z), 25, min_fixed=0, max_fixed=0)}")
