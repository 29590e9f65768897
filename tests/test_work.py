from __future__ import annotations

import asyncio

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.work import Rounds, Slots, Watchdog, WeightedSemaphore, spread
from tests.aws.virtual import VirtualLoop


@settings(deadline=None)
@given(st.integers(1, 20), st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), max_size=40))
async def test_no_more_is_taken_than_the_bound_and_everybody_has_a_turn(most, wanted):
    semaphore, now, worst, done = WeightedSemaphore(most), [0], [0], []

    async def use(number, weight, pauses):
        await semaphore.take(weight)
        now[0] += weight
        others = now[0] - weight
        worst[0] = max(worst[0], now[0] if others else min(now[0], most))
        for _ in range(pauses):
            await anyio.lowlevel.checkpoint()
        now[0] -= weight
        semaphore.change(-weight)
        done.append(number)

    async with anyio.create_task_group() as tasks:
        for number, (weight, pauses) in enumerate(wanted):
            tasks.start_soon(use, number, weight, pauses)
    assert worst[0] <= most
    assert sorted(done) == list(range(len(wanted)))


async def test_who_comes_first_is_served_first_even_if_a_later_one_would_fit():
    semaphore, order = WeightedSemaphore(10), []

    async def use(name, weight):
        await semaphore.take(weight)
        order.append(name)

    await semaphore.take(8)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(use, "large", 5)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(use, "small", 1)
        await anyio.wait_all_tasks_blocked()
        assert order == []
        semaphore.change(-8)
    assert order == ["large", "small"]


async def test_what_is_alone_may_weigh_more_than_the_bound():
    semaphore = WeightedSemaphore(10)
    await semaphore.take(50)
    with anyio.move_on_after(0):
        await semaphore.take(1)
        pytest.fail("there was no room")
    semaphore.change(-50)
    await semaphore.take(1)


async def test_who_stops_waiting_takes_nothing_along():
    semaphore = WeightedSemaphore(10)
    await semaphore.take(10)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(semaphore.take, 4)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    semaphore.change(-10)
    await semaphore.take(10)


async def test_a_turn_that_comes_together_with_the_cancellation_is_given_back():
    semaphore = WeightedSemaphore(10)

    async def use():
        await semaphore.take(4)
        semaphore.change(-4)

    await semaphore.take(10)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(use)
        await anyio.wait_all_tasks_blocked()
        semaphore.change(-10)
        tasks.cancel_scope.cancel()
    with anyio.CancelScope(deadline=anyio.current_time() + 5) as scope:
        await semaphore.take(10)
    assert not scope.cancelled_caught


def test_silence_ends_what_a_watchdog_watches_and_word_of_life_does_not():
    async def watched(pauses: list[float]) -> tuple[bool, float]:
        with Watchdog(10) as watch:
            for pause in pauses:
                await asyncio.sleep(pause)
                watch.alive()
        return watch.barked, asyncio.get_running_loop().time()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(watched([9, 9, 9])) == (False, 28)
        assert runner.run(watched([4, 30, 4])) == (True, 28 + 14)
        assert len(asyncio.all_tasks(runner.get_loop())) == 0


async def test_a_watchdog_lets_other_errors_and_cancellations_pass():
    with pytest.raises(KeyError), Watchdog(10):
        raise KeyError
    with anyio.CancelScope() as outer, Watchdog(10) as watch:
        outer.cancel()
        await anyio.sleep_forever()
    assert outer.cancelled_caught
    assert not watch.barked


async def test_each_who_waits_for_a_round_has_one_of_the_event_loop_to_itself():
    rounds, loop, count = Rounds(), asyncio.get_running_loop(), [0]
    seen: list[int] = []

    def tick() -> None:
        count[0] += 1
        if len(seen) < 5:
            loop.call_soon(tick)

    async def work() -> None:
        await rounds.turn()
        seen.append(count[0])

    loop.call_soon(tick)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(5):
            tasks.create_task(work())
    assert len(set(seen)) == 5
    assert seen == sorted(seen)


async def test_who_is_cancelled_before_a_round_does_not_keep_the_next_one_from_it():
    rounds = Rounds()
    first = asyncio.create_task(rounds.turn())
    second = asyncio.create_task(rounds.turn())
    await asyncio.sleep(0)
    first.cancel()
    await second
    await rounds.turn()


async def test_no_more_work_begins_than_a_few_for_which_there_is_no_slot():
    slots, begun, most = Slots(4), [0], [0]
    done: list[int] = []

    async def use(item: int) -> None:
        begun[0] += 1
        await slots.take()
        await anyio.lowlevel.checkpoint()
        most[0] = max(most[0], begun[0])
        slots.free()
        begun[0] -= 1
        done.append(item)

    async with asyncio.TaskGroup() as tasks:
        for part in range(3):
            tasks.create_task(spread(range(part * 50, part * 50 + 50), use, 50, slots.ease))
    assert sorted(done) == list(range(150))
    assert most[0] <= 4 + 2 + 3 * 2, "the slots, half as many in the queue, and what each part begins unasked"


async def test_who_stops_waiting_for_ease_keeps_nobody_else_from_going_on():
    slots = Slots(2)
    await slots.take()
    await slots.take()
    queued = asyncio.create_task(slots.take())
    await asyncio.sleep(0)
    first, second = asyncio.create_task(slots.ease()), asyncio.create_task(slots.ease())
    await asyncio.sleep(0)
    assert not first.done()
    first.cancel()
    slots.free()
    await queued
    await second


async def test_whose_turn_comes_together_with_the_cancellation_hands_it_on():
    slots = Slots(2)
    await slots.take()
    await slots.take()
    queued = asyncio.create_task(slots.take())
    await asyncio.sleep(0)
    first, second = asyncio.create_task(slots.ease()), asyncio.create_task(slots.ease())
    await asyncio.sleep(0)
    queued.add_done_callback(lambda _: first.cancel())  # woken by now, and not yet running
    slots.free()
    await second
