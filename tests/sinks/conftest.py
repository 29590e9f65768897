from __future__ import annotations

import pytest

from tests.sinks.endpoint import Endpoint, serving


@pytest.fixture
async def endpoint():
    """An endpoint for uploads that is served; the test fails if the protocol was violated."""
    made = Endpoint()
    async with serving(made.handle) as url:
        made.url = url
        yield made
    assert made.violations == []


@pytest.fixture(params=[False, True], ids=["in memory", "durable"])
def durable(request):
    """Whether batches are stored before they are sent: the test runs both ways."""
    return request.param
