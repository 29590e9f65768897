"""Benchmarks that compare the collector with plain aioboto3. `python -m bench` runs them."""
