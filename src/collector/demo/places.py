"""The accounts and regions of the sample estate."""

from __future__ import annotations

HOME = "123456789012"
"""The collected account; moto's default."""

PARTNER = "222233334444"
"""A trusted account outside the organization, with a peered VPC."""

STRANGER = "999988887777"
"""An account that exists only in trust policies."""

REGION = "us-east-1"
"""The region of nearly all resources."""

SECOND_REGION = "eu-west-1"
"""The region of a few resources and of the partner's VPC."""

ENABLED_REGIONS = ("eu-central-1", "eu-west-1", "us-east-1", "us-east-2")
"""The enabled regions of every account; the others have the status `not-opted-in`."""
