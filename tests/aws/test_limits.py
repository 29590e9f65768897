from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from collector.aws.limits import CUT, INTERVAL, SLOWEST, RateLimiter, RateLimits, TokenBucket
from collector.aws.rates import RATES, rate_of


def _bucket(rate: float = 10, burst: float = 5, ceiling: float = 10) -> TokenBucket:
    return TokenBucket("b", rate, burst, ceiling, burst, 0.0)


def test_a_burst_passes_at_once_and_then_the_rate_applies():
    bucket = _bucket()
    assert [bucket.take(0.0) for _ in range(5)] == [0] * 5
    assert bucket.take(0.0) == 0.1
    assert bucket.take(0.1) == 0


def test_a_throttle_cuts_the_rate_once_in_an_interval_and_empties_the_bucket():
    bucket = _bucket()
    for _ in range(10):
        bucket.throttled(1.0)
    assert bucket.rate == 10 * CUT
    assert bucket.take(1.0) > 0
    bucket.throttled(1.0 + INTERVAL)
    assert bucket.rate == 10 * CUT * CUT


def test_the_rate_recovers_up_to_its_ceiling():
    bucket = _bucket()
    bucket.throttled(0.0)
    for _ in range(10_000):
        bucket.succeeded()
    assert bucket.rate == 10


def test_the_rate_is_never_cut_below_the_minimum():
    bucket = _bucket()
    for second in range(1000):
        bucket.throttled(float(second))
    assert bucket.rate == SLOWEST


@given(st.lists(st.floats(0, 3), min_size=1, max_size=200))
def test_no_more_tokens_are_taken_than_burst_and_rate_allow(pauses: list[float]):
    bucket, now, taken = _bucket(), 0.0, 0
    for pause in pauses:
        now += pause
        while bucket.take(now) == 0:
            taken += 1
    assert taken <= 5 + now * 10 + 1e-6


async def test_callers_are_served_in_order_of_arrival():
    limiter = RateLimiter(TokenBucket("b", 1000, 1, 1000, 1, asyncio.get_running_loop().time()))
    served: list[int] = []

    async def acquire(number: int) -> None:
        await limiter.acquire()
        served.append(number)

    await asyncio.gather(*(acquire(number) for number in range(8)))
    assert served == list(range(8))
    assert limiter.bucket.calls == 8


async def test_a_caller_that_is_cancelled_while_waiting_takes_no_token():
    limiter = RateLimiter(TokenBucket("b", 200, 1, 200, 1, asyncio.get_running_loop().time()))
    await limiter.acquire()
    cancelled = asyncio.create_task(limiter.acquire())
    waiting = asyncio.create_task(limiter.acquire())
    await asyncio.sleep(0)
    cancelled.cancel()
    await waiting
    assert limiter.bucket.calls == 2


async def test_each_operation_of_ec2_has_its_own_bucket_and_route_53_has_one_for_each_account():
    limits = RateLimits(0.5)
    one = limits.limiter("1", "us-east-1", "ec2", "DescribeVpcs")
    assert one is limits.limiter("1", "us-east-1", "ec2", "DescribeVpcs")
    assert one is not limits.limiter("1", "us-east-1", "ec2", "DescribeSubnets")
    assert one is not limits.limiter("1", "eu-west-1", "ec2", "DescribeVpcs")
    assert one is not limits.limiter("2", "us-east-1", "ec2", "DescribeVpcs")
    zones = limits.limiter("1", "us-east-1", "route53", "ListHostedZones")
    assert zones is limits.limiter("1", "global", "route53", "ListResourceRecordSets")


async def test_the_share_scales_rate_and_burst():
    limiter = RateLimits(0.25).limiter("1", "us-east-1", "ec2", "DescribeVpcs")
    assert limiter is not None
    assert (limiter.bucket.rate, limiter.bucket.burst) == (5, 25)


def test_every_rate_names_its_source():
    assert all(rate.source for rate in RATES)


def test_an_operation_without_a_published_rate_has_its_own_bucket():
    rate, bucket = rate_of("somewhere", "ListThings")
    assert (rate.client, bucket) == ("*", "somewhere:ListThings")
