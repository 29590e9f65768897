"""Groups finished records into batches, and delivers them to NDJSON streams and files, HTTP endpoints and JupiterOne.

A batch of relationships reaches the sink after all entities accepted before it. Uploads are delivered at least once, under
idempotency keys that survive retries and restarts; undelivered batches are kept on disk. This wing must not call AWS, and reads
nothing in a record but `_key`, `_type`, `_class`, `_rawData` and the entity keys of a relationship.
"""
