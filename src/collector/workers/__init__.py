"""Worker processes that collect accounts, or some scopes of one account, and send the results to their parent.

A run with workers gives the same records and report as one in a single process. A worker that dies fails only the tasks
that it held. Workers run the engine and must not import `preflight`, `demo` or `cli`.
"""
