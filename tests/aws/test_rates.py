"""The call layer competes with another client for AWS's token buckets, over HTTP and in virtual time."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import cache

import pytest
from bench.throttled import SERVICES, Gaps, Result, at_random, contest, in_bursts, steady

from collector.aws.limits import RECOVERY, SEARCH, RateLimits, TokenBucket
from collector.aws.rates import DEFAULT, RATES, Allowance, Rates, rate_of
from collector.config import ConfigurationError, load_settings
from tests.aws.virtual import VirtualLoop


@cache
def _contest(share: float, part: float, gaps: Gaps, seconds: float = 12.0) -> list[Result]:
    clock = VirtualLoop()
    with asyncio.Runner(loop_factory=lambda: clock) as runner:
        return runner.run(contest(clock, share, part, gaps, seconds))


def _of_known_rate(results: list[Result]) -> list[Result]:
    """The results of the services whose rates are not guesses."""
    return [result for result in results if rate_of(result.service, SERVICES[result.service].op)[0].ceiling is None]


@pytest.mark.parametrize("gaps", [steady, at_random, in_bursts])
def test_half_of_each_bucket_is_used_and_the_other_half_is_left_to_the_rival(gaps):
    for result in _of_known_rate(_contest(0.5, 0.5, gaps)):
        assert result.failed == 0
        assert result.ratio <= 1.15
        assert result.busiest <= 1.05 * result.allowed
        assert result.rival_throttles <= result.rival_explained


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_the_share_is_respected_and_used_within_five_percent(share):
    for result in _of_known_rate(_contest(share, 0.5, steady)):
        assert 0.95 * result.allowed <= result.rate <= 1.05 * result.allowed
        assert result.busiest <= 1.05 * result.allowed
        assert (result.throttles, result.rival_throttles) == (0, 0)


@pytest.mark.parametrize("gaps", [steady, at_random, in_bursts])
def test_a_guessed_rate_that_proves_too_high_yields_to_the_rival(gaps):
    """The server's bucket for IAM is no larger than the rate at which the collector starts to search."""
    results = _contest(0.5, 0.5, gaps)
    (result,) = [each for each in results if each not in _of_known_rate(results)]
    assert result.failed == 0
    assert result.ratio <= 1.0
    assert result.rival_throttles <= 0.2 * result.rival_calls


def test_a_guessed_rate_grows_and_a_known_one_does_not():
    for rate in RATES:
        assert (rate.ceiling is not None) == (rate.source == DEFAULT.source), rate


@pytest.mark.parametrize("client", ["iam", "s3"])
def test_calls_of_a_guessed_rate_need_half_the_time_while_no_throttle_is_seen(client):
    fixed = TokenBucket.of("b", replace(rate_of(client, "ListThings")[0], ceiling=None), 0.5, 0.0)
    growing = TokenBucket.of("b", rate_of(client, "ListThings")[0], 0.5, 0.0)
    calls = round(20 * fixed.rate)
    assert _seconds_for(growing, calls) <= 0.5 * _seconds_for(fixed, calls)


def _seconds_for(bucket: TokenBucket, calls: int) -> float:
    """The time that so many calls take when all of them succeed and wait."""
    now = 0.0
    for _ in range(calls):
        while pause := bucket.take(now):
            now += pause + 1e-9
        bucket.succeeded()
    return now


def test_a_share_of_one_still_yields_to_a_rival():
    for result in _contest(1.0, 0.5, steady, seconds=60):
        assert result.failed == 0
        assert result.ratio <= 1.15
        assert result.rate <= 1.2 * result.allowed
        assert result.rival_throttles <= 0.1 * result.rival_calls


def test_the_whole_bucket_can_be_used_without_a_rival():
    for result in _contest(1.0, 0.0, steady, seconds=24):
        assert result.failed == 0
        assert result.ratio <= 1.15


def _seconds_to_the_ceiling(bucket: TokenBucket) -> int:
    seconds = 0
    while bucket.rate < bucket.ceiling:
        seconds += 1
        for _ in range(round(bucket.rate)):
            bucket.succeeded()
    return seconds


def test_the_rate_grows_quickly_before_the_first_throttle_and_slowly_after_it():
    bucket = TokenBucket("b", 100, 1, 200, 1, 0.0)
    assert _seconds_to_the_ceiling(bucket) == pytest.approx(SEARCH / 2, abs=1)
    bucket.throttled(0.0)
    assert _seconds_to_the_ceiling(bucket) == pytest.approx(RECOVERY * 0.3, abs=1)


def test_both_clients_of_api_gateway_share_a_bucket():
    assert Rates().find("apigateway", "GetRestApis")[1] == Rates().find("apigatewayv2", "GetApis")[1]


def test_a_configured_rate_overrides_each_bucket_of_its_client():
    rates = Rates({"ec2": Allowance(5, 8), "iam": Allowance(1, 1)})
    vpcs, bucket = rates.find("ec2", "DescribeVpcs")
    assert (vpcs.per_second, vpcs.burst, bucket) == (5, 8, "ec2:DescribeVpcs")
    assert rates.find("iam", "GetUser")[1] == Rates().find("iam", "GetUser")[1]
    assert rates.find("route53", "ListHostedZones") == Rates().find("route53", "ListHostedZones")


def test_a_configured_operation_gets_a_bucket_of_its_own():
    rates = Rates({"iam": Allowance(1, 1), "iam:GetUser": Allowance(3, 3)})
    rate, bucket = rates.find("iam", "GetUser")
    assert (rate.per_second, rate.shared, bucket) == (3, False, "iam:GetUser")
    assert rates.find("iam", "GetRole")[0].per_second == 1


def test_a_configured_rate_has_no_higher_ceiling():
    growing = next(rate for rate in RATES if rate.ceiling)
    assert Rates({growing.client: Allowance(2, 2)}).find(growing.client, "GetThing")[0].ceiling is None


async def test_configured_rates_apply_to_the_limiter_scaled_by_the_share():
    limits = RateLimits.of(
        load_settings({"rate_share": 0.25, "rates": {"iam": 8, "ec2:DescribeVpcs": {"per_second": 4, "burst": 40}}})
    )
    users, vpcs = limits.limiter("1", "r", "iam", "ListUsers"), limits.limiter("1", "r", "ec2", "DescribeVpcs")
    assert users is not None
    assert vpcs is not None
    assert (users.bucket.rate, users.bucket.burst) == (2, 2)
    assert (vpcs.bucket.rate, vpcs.bucket.burst) == (1, 10)


def test_rates_are_read_from_the_environment_and_the_file(tmp_path, monkeypatch):
    file = tmp_path / "collector.toml"
    file.write_text('[rates]\n"iam" = 4\n"ec2:DescribeVpcs" = {per_second = 30, burst = 60}\n')
    rates = Rates.of(load_settings({"config": file}).rates)
    assert rates.find("iam", "GetUser")[0].burst == 4
    assert rates.find("ec2", "DescribeVpcs")[0].burst == 60
    monkeypatch.setenv("COLLECTOR_RATES", "iam=0.5")
    assert Rates.of(load_settings({}).rates).find("iam", "GetUser")[0].burst == 1


@pytest.mark.parametrize(
    "rates", [{"iam": 0}, {"iam": "much"}, {"iam": {"burst": 3}}, {"iam": {"per_second": 1, "brust": 3}}, "iam", 3]
)
def test_an_invalid_rate_is_reported_in_one_line(rates):
    with pytest.raises(ConfigurationError, match="rates") as raised:
        load_settings({"rates": rates})
    assert "\n" not in str(raised.value)
