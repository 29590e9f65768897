from __future__ import annotations

from collections import deque

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.concurrency import WeightedSemaphore

weights = st.integers(0, 30)


@settings(deadline=None)
@given(st.integers(1, 20), st.lists(st.tuples(weights, st.integers(0, 3)), max_size=40))
async def test_the_weight_held_never_exceeds_the_limit_and_every_waiter_is_served(limit, requests):
    semaphore, held, most, served = WeightedSemaphore(limit), 0, 0, []

    async def use(number, weight, pauses):
        nonlocal held, most
        await semaphore.acquire(weight)
        held += min(weight, limit)
        most = max(most, held)
        for _ in range(pauses):
            await anyio.lowlevel.checkpoint()
        held -= min(weight, limit)
        semaphore.release(weight)
        served.append(number)

    async with anyio.create_task_group() as tasks:
        for number, (weight, pauses) in enumerate(requests):
            tasks.start_soon(use, number, weight, pauses)
    assert most <= limit
    assert sorted(served) == list(range(len(requests)))


@settings(deadline=None)
@given(st.integers(1, 20), st.lists(st.tuples(weights, st.none() | st.integers(0, 9)), max_size=40))
async def test_reservations_are_granted_in_order_as_others_are_resized_and_released(limit, steps):
    """Each step reserves a weight or, with a number, resizes one of the reservations."""
    semaphore, reservations, held = WeightedSemaphore(limit), {}, {}
    waiting: deque[tuple[int, int]] = deque()

    async def reserve(number, weight):
        reservations[number] = await semaphore.reserve(weight)

    async def settle():
        for _ in range(3):
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as tasks:
        for number, (weight, choice) in enumerate(steps):
            if choice is None or not reservations:
                tasks.start_soon(reserve, number, weight)
                waiting.append((number, min(weight, limit)))
            else:
                resized = sorted(reservations)[choice % len(reservations)]
                reservations[resized].resize(weight)
                held[resized] = min(weight, limit)
            await settle()
            while waiting and waiting[0][1] <= limit - sum(held.values()):
                held.update([waiting.popleft()])
            assert reservations.keys() == held.keys()
            assert semaphore._free == limit - sum(held.values())
        while reservations:
            for _, reservation in [reservations.popitem() for _ in list(reservations)]:
                reservation.release()
                reservation.release()  # changes nothing
            await settle()
    assert semaphore._free == limit


async def test_waiters_are_served_in_order_even_if_a_later_one_would_fit():
    semaphore, order = WeightedSemaphore(10), []

    async def use(name, weight):
        await semaphore.acquire(weight)
        order.append(name)

    await semaphore.acquire(8)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(use, "large", 5)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(use, "small", 1)
        await anyio.wait_all_tasks_blocked()
        assert order == []
        semaphore.release(8)
    assert order == ["large", "small"]


async def test_a_weight_above_the_limit_is_held_alone():
    semaphore = WeightedSemaphore(10)
    await semaphore.acquire(50)
    with anyio.move_on_after(0):
        await semaphore.acquire(1)
        pytest.fail("it was acquired beyond the limit")
    semaphore.release(50)
    await semaphore.acquire(1)


async def test_a_cancelled_waiter_takes_nothing():
    semaphore = WeightedSemaphore(10)
    await semaphore.acquire(10)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(semaphore.acquire, 4)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    semaphore.release(10)
    await semaphore.acquire(10)


async def test_a_weight_granted_together_with_the_cancellation_is_returned():
    semaphore = WeightedSemaphore(10)

    async def use():
        await semaphore.acquire(4)
        semaphore.release(4)

    await semaphore.acquire(10)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(use)
        await anyio.wait_all_tasks_blocked()
        semaphore.release(10)
        tasks.cancel_scope.cancel()
    assert semaphore._free == 10
