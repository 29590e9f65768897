"""The benches' own AWS: it must answer as AWS does, or what is measured against it means nothing."""

import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.error import URLError

import boto3
import pytest
from bench.canned import Canned, canned_server, resources
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.retries.standard import ThrottledRetryableError

REGIONS = ("us-east-1", "eu-west-1", "ap-southeast-2")
