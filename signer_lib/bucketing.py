"""Sentences of similar length, batch by batch."""

from __future__ import annotations

import random


def bucketed(lengths: list[int], size: int, rng: random.Random, alike: int = 2) -> list[list[int]]:
    """Batches of at most ``size``, as even as can be, in random order; lengths that differ by less than ``alike`` may count as the same."""
    order = sorted(range(len(lengths)), key=lambda i: (lengths[i] // alike, rng.random()))
    count = -(-len(order) // size)
    batches = [order[i * len(order) // count:(i + 1) * len(order) // count] for i in range(count)]
    rng.shuffle(batches)
    return batches
