"""What LoadGen draws from its seeds: which samples it loads, which it asks in which order, and when (Server).

The same algorithms as in LoadGen 6 built with GCC's library, which the field's wheels are: the 32-bit Mersenne twister
(so that of a seed only the lower 32 bits count), Lemire's bounded integers, two positions of a shuffle per number.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

WORD, STATE = 0xFFFFFFFF, 624
PAIRED = 65_535  # a shuffle of at most so many elements draws two positions at a time


class Twister:
    """std::mt19937 seeded with one number."""

    def __init__(self, seed: int) -> None:
        state = [seed & WORD]
        for place in range(1, STATE):
            before = state[-1]
            state.append((1812433253 * (before ^ before >> 30) + place) & WORD)
        self._random = random.Random()  # noqa: S311  it is this generator's sequence that is wanted
        self._random.setstate((3, (*state, STATE), None))

    def word(self) -> int:
        """Return the next 32 bits."""
        return self._random.getrandbits(32)

    def below(self, bound: int) -> int:
        """Return std::uniform_int_distribution(0, bound - 1)."""
        product = self.word() * bound
        if product & WORD < bound:
            least = (1 << 32) % bound
            while product & WORD < least:
                product = self.word() * bound
        return product >> 32

    def shuffle(self, items: list[int]) -> None:
        """Shuffle as std::shuffle."""
        count, place = len(items), 1
        if count > PAIRED:
            for at in range(1, count):
                other = self.below(at + 1)
                items[at], items[other] = items[other], items[at]
            return
        if count and count % 2 == 0:
            other = self.below(2)
            items[1], items[other] = items[other], items[1]
            place = 2
        while place < count:
            first, second = divmod(self.below((place + 1) * (place + 2)), place + 2)
            items[place], items[first] = items[first], items[place]
            items[place + 1], items[second] = items[second], items[place + 1]
            place += 2

    def exponential(self, rate: float) -> float:
        """Return std::exponential_distribution(rate), of 53 random bits."""
        low = self.word()
        uniform = (low + self.word() * 2.0**32) * 2.0**-64
        return -math.log(1 - min(uniform, math.nextafter(1, 0))) / rate


def loaded(seed: int, performance_samples: int) -> list[int]:
    """Return the samples that a performance run loads, in LoadGen's order; `seed` is `qsl_rng_seed`.

    They are the data set's first: LoadGen 6 shuffles no more than it loads.
    """
    order = list(range(performance_samples))
    Twister(seed).shuffle(order)
    return order


def asked(seed: int, count: int, least_queries: int, stride: int) -> Iterator[int]:
    """Yield each query's place among `count` loaded samples, without end; `seed` is `sample_index_rng_seed`.

    `least_queries` is the effective minimum, `stride` MultiStream's samples per query, else 1. LoadGen first draws two
    orders that it does not use, the second of all that is loaded, MultiStream's padding too, until it has so many.
    """
    draw, padded = Twister(seed), count + stride - 1
    draw.shuffle(list(range(0, count, stride)))
    for _ in range(0, least_queries, padded):
        draw.shuffle(list(range(padded)))
    while True:
        yield draw.below(count)


def scheduled(seed: int, rate: float) -> Iterator[int]:
    """Yield when Server's queries are due, in nanoseconds from the first; `seed` is `schedule_rng_seed`."""
    draw, at = Twister(seed), 0
    while True:
        yield at
        at += int(draw.exponential(rate) * 1e9)
