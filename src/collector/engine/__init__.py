"""Runs a collection: accounts, their scopes, the job of each scope, and the rows of each page.

Every planned scope is in the report with all of its failures; a failure makes only its own scope incomplete. Locks,
events, semaphores and futures are asyncio's, as are task groups on hot paths (per call, per page); runs, accounts and
scopes use anyio's task groups, cancel scopes, signal receiver and `to_thread`. The engine must not import `workers`,
`preflight`, `demo` or `cli`: it knows worker processes by its protocols only.
"""
