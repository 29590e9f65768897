"""The only wing that calls AWS: credentials, clients, rate limits, retries, paging, parsing and error classification.

A failed call leaves it as `CallFailed`, classified, and retried where that can help; nothing above it retries. On the
path of every call, `Lock`, `Semaphore`, `Event`, `Future`, `TaskGroup` and `timeout` come from asyncio; only `sleep`,
`to_thread` and `CancelScope` come from anyio. It imports nothing above `catalog` and knows neither entities nor sinks.
"""
