"""A sample estate to try the collector on without an AWS account: moto behind a stub, and what to seed it with."""
