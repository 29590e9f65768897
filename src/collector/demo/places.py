"""Where the sample estate lies: its accounts and regions."""

from __future__ import annotations

HOME = "123456789012"
"""The account that is collected; moto's default."""

PARTNER = "222233334444"
"""An account outside the organization that has a peered network and is trusted."""

STRANGER = "999988887777"
"""An account that exists only in trust policies."""

REGION = "us-east-1"
"""Where nearly everything is."""

SECOND_REGION = "eu-west-1"
"""Where a little is, and the partner's network."""

ENABLED_REGIONS = ("eu-central-1", "eu-west-1", "us-east-1", "us-east-2")
"""The regions that the accounts have switched on; the others are there to be opted into."""
