"""Benches: what the collector costs, measured beside plain aioboto3 in the same run. `python -m bench` runs them."""
