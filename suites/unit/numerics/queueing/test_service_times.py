"""Services by what a request meets, and a queue replayed over them beside a long simulated run."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from pytest_onnxaccel.numerics.queueing.arrivals import Paced
from pytest_onnxaccel.numerics.queueing.load_test import replay, saturation, steady, utilisation
from pytest_onnxaccel.numerics.queueing.service_times import Services, computed, measured
from pytest_onnxaccel.numerics.timing.order_stats import percentile

MS = 1e6
#: Service time of a request by its place in its busy period (from 0), its number, and chance.
Server = Callable[[int, int, random.Random], float]


def run_of(pattern: str, taken: list[int], wait: int = 5, waking: int = 1) -> Paced:
    """A run of requests that find the server idle (``i``) or wait (``w``), whose calls take *taken*."""
    waits = [waking if kind == "i" else wait for kind in pattern]
    responses = [ns + before for ns, before in zip(taken, waits, strict=True)]
    cpu = tuple(ns // 2 for ns in taken)
    return Paced(tuple(responses), tuple(waits), cpu, tuple(kind == "i" for kind in pattern))


def simulated(server: Server, gap: float, requests: int, seed: int) -> Paced:
    """Requests that come in at random, served by *server*, as :func:`pacing.pace` would report them."""
    draw = random.Random(seed)
    left, place = 0.0, 0
    responses: list[int] = []
    waits: list[int] = []
    idle: list[bool] = []
    for number in range(requests):
        left -= draw.expovariate(1) * gap
        place = place + 1 if left > 0 else 0
        wait = max(left, 0.0)
        left = wait + server(place, number, draw)
        responses.append(int(left))
        waits.append(int(wait))
        idle.append(place == 0)
    return Paced(tuple(responses), tuple(waits), (), tuple(idle))


# -- which array


def test_services_of_each_kind_land_in_their_array() -> None:
    found = measured(run_of("iwwwiwiw", [10, 20, 30, 31, 11, 21, 12, 22]), [99])
    assert set(found.idle_ns) == {11, 12, 13}  # with waking up
    assert set(found.next_ns) == {20, 21, 22}
    assert set(found.busy_ns) == {30, 31}
    assert found.mean_ns == pytest.approx((10 + 20 + 30 + 31 + 11 + 21 + 12 + 22 + 3) / 8)


def test_computing_is_spread_over_threads() -> None:
    found = computed(run_of("iwwiww", [40, 80, 120] * 2), [99], parallel=2)
    assert (set(found.idle_ns), set(found.next_ns), set(found.busy_ns)) == ({10}, {20}, {30})
    assert found.mean_ns == 20
    assert set(computed(run_of("ii", [40, 40]), [60], parallel=2).busy_ns) == {30}


def test_calls_in_a_row_stand_for_waiting_where_nobody_waits() -> None:
    found = measured(run_of("iiii", [10, 10, 10, 10]), [20, 30])
    assert found == Services((11,) * 4, (20, 20, 30, 30), (20, 20, 30, 30), 11)
    assert set(measured(run_of("iiii", [10, 10, 10, 10]), []).busy_ns) == {11}
    behind = measured(run_of("iwiw", [10, 15, 10, 15]), [20, 30])
    assert (set(behind.next_ns), set(behind.busy_ns)) == ({15}, {15})


def test_requests_that_all_wait_stand_for_those_that_would_not() -> None:
    found = measured(run_of("wwww", [10, 20, 30, 40]), [99])
    assert found.idle_ns == found.next_ns == found.busy_ns == (10, 20, 30, 40)


def test_a_request_is_as_fast_as_it_is_among_its_kind() -> None:
    """Of its own kind it is itself; of another the one that stands where it stands among its own."""
    found = measured(run_of("iwwiwwiww", [10, 22, 30, 12, 20, 32, 11, 21, 31]), [99])
    assert found.idle_ns == (11, 13, 11, 13, 11, 13, 12, 12, 12)  # with waking up
    assert found.next_ns == (20, 22, 20, 22, 20, 22, 21, 21, 21)
    assert found.busy_ns == (30, 32, 30, 32, 30, 32, 31, 31, 31)


def test_the_requests_of_a_kind_count_alike() -> None:
    pattern = ("i" * 28 + "ww") * 2
    found = measured(run_of(pattern, [10 + number for number in range(len(pattern))]), [99])
    assert (found.busy_ns.count(10 + 29), found.busy_ns.count(10 + 59)) == (30, 30)


def test_a_slow_call_is_not_replayed_as_a_queue_of_them() -> None:
    """The nearest one of a rare kind would stand many times in a row, whatever the requests there met."""
    draw = random.Random(3)
    pattern = ("i" * 14 + "ww") * 16
    found = measured(run_of(pattern, [draw.randrange(1000) for _ in pattern]), [99])
    again = sum(a == b for a, b in zip(found.busy_ns, found.busy_ns[1:], strict=False))
    assert again < 100  # of 255; four of this kind in a stretch: 64 by chance, 240 by the nearest


@pytest.mark.parametrize(("busy", "idle"), [([], []), ([1.0, 2.0], [1.0])])
def test_kinds_are_of_one_length(busy: list[float], idle: list[float]) -> None:
    with pytest.raises(ValueError, match="needs service times"):
        Services.of(busy, idle)
    with pytest.raises(ValueError, match="no run of requests"):
        measured(Paced((), ()), [1])


def test_a_run_that_keeps_up_may_not_while_requests_wait() -> None:
    slower_when_busy = Services((1 * MS,), (1 * MS,), (3 * MS,), 1.5 * MS)
    assert utilisation(slower_when_busy, 500) == pytest.approx(0.75)
    assert saturation(slower_when_busy, 500) == pytest.approx(1.5)
    assert not steady(slower_when_busy, 500)
    assert steady(slower_when_busy, 300)


# -- beside a real run


def cold(place: int, number: int, draw: random.Random) -> float:
    """A third more after a pause, a tenth more behind that one, and a little chance."""
    return 7 * MS * (1.3, 1.1, 1.0)[min(place, 2)] * draw.lognormvariate(0, 0.05)


def shaky(place: int, number: int, draw: random.Random) -> float:
    """Much chance, of which the next call knows nothing."""
    return 6.5 * MS * (1.1, 1.0)[place > 0] * draw.lognormvariate(0, 0.4)


def phased(place: int, number: int, draw: random.Random) -> float:
    """Every fifth hundred of requests meets a slower machine."""
    return cold(place, number, draw) * (1.3 if number % 500 < 100 else 1.0)


def bursty(place: int, number: int, draw: random.Random) -> float:
    """Four requests in forty meet a neighbour, whether they wait or not."""
    return cold(place, number, draw) * (2.0 if number % 40 < 4 else 0.9)


class Moody:
    """A machine whose speed wanders, half of it forgotten after a dozen requests; kinds differ as in :func:`cold`."""

    def __init__(self, kinds: tuple[float, float, float] = (1.3, 1.1, 1.0)) -> None:
        self.kinds, self.mood = kinds, 0.0

    def __call__(self, place: int, number: int, draw: random.Random) -> float:
        self.mood = (0.944 * self.mood if number else 0.0) + 0.05 * draw.gauss(0, 1)
        return 6 * MS * self.kinds[min(place, 2)] * math.exp(self.mood) * draw.lognormvariate(0, 0.05)


def off(server: Server, load: float) -> dict[float, float]:
    """Percentiles of the replay over those of a long run, by their share."""
    gap = 7.4 * MS / load
    found = replay(measured(simulated(server, gap, 60_000, 1), []), 1e9 / gap)
    seen = sorted(simulated(server, gap, 200_000, 2).response_ns)
    replayed = {0.50: found.p50_ns, 0.95: found.p95_ns, 0.99: found.p99_ns}
    return {share: ns / percentile(seen, share) for share, ns in replayed.items()}


@pytest.mark.parametrize(
    ("server", "load"),
    [
        *((cold, load) for load in (0.3, 0.5, 0.7)),
        *((shaky, load) for load in (0.3, 0.5)),
        *((bursty, load) for load in (0.3, 0.5)),
        *((Moody(), load) for load in (0.3, 0.5, 0.7)),
        (phased, 0.4),
    ],
)
def test_a_server_that_pauses_make_slower_is_replayed_as_it_is(server: Server, load: float) -> None:
    found = off(server, load)
    assert found[0.50] == pytest.approx(1, rel=0.015)
    assert found[0.95] == pytest.approx(1, rel=0.015)
    assert found[0.99] == pytest.approx(1, rel=0.03)


def test_calls_in_a_row_would_promise_too_much() -> None:
    """What the kinds are for: the same server replayed over its warmest calls alone."""
    gap = 7.4 * MS / 0.5
    run = simulated(cold, gap, 30_000, 1)
    true = replay(measured(run, []), 1e9 / gap)
    row = Services.of([cold(9, 0, random.Random(number)) for number in range(400)])
    assert replay(row, 1e9 / gap).p95_ns < 0.9 * true.p95_ns
