from __future__ import annotations

import pytest

from collector.demo.estate.cloud import Cloud


@pytest.fixture(scope="package")
def cloud(running_estate):
    """boto3 clients of the running estate, without retries."""
    cloud = Cloud(running_estate.url)
    yield cloud
    cloud.close()
