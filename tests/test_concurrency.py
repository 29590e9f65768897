from __future__ import annotations

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.concurrency import WeightedSemaphore


@settings(deadline=None)
@given(st.integers(1, 20), st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), max_size=40))
async def test_no_more_is_taken_than_the_bound_and_everybody_has_a_turn(most, wanted):
    semaphore, now, worst, done = WeightedSemaphore(most), [0], [0], []

    async def use(number, weight, pauses):
        await semaphore.acquire(weight)
        now[0] += min(weight, most)
        worst[0] = max(worst[0], now[0])
        for _ in range(pauses):
            await anyio.lowlevel.checkpoint()
        now[0] -= min(weight, most)
        semaphore.release(weight)
        done.append(number)

    async with anyio.create_task_group() as tasks:
        for number, (weight, pauses) in enumerate(wanted):
            tasks.start_soon(use, number, weight, pauses)
    assert worst[0] <= most
    assert sorted(done) == list(range(len(wanted)))


async def test_who_comes_first_is_served_first_even_if_a_later_one_would_fit():
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


async def test_what_is_alone_may_weigh_more_than_the_bound():
    semaphore = WeightedSemaphore(10)
    await semaphore.acquire(50)
    with anyio.move_on_after(0):
        await semaphore.acquire(1)
        pytest.fail("there was no room")
    semaphore.release(50)
    await semaphore.acquire(1)


async def test_who_stops_waiting_takes_nothing_along():
    semaphore = WeightedSemaphore(10)
    await semaphore.acquire(10)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(semaphore.acquire, 4)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    semaphore.release(10)
    await semaphore.acquire(10)


async def test_a_turn_that_comes_together_with_the_cancellation_is_given_back():
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
    with anyio.CancelScope(deadline=anyio.current_time() + 5) as scope:
        await semaphore.acquire(10)
    assert not scope.cancelled_caught
