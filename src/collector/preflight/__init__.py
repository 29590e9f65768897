"""Reports what a run would call, need and be denied, before it starts: the commands `plan`, `policy` and `doctor`.

It signs in to accounts and makes read-only calls, but collects nothing and delivers no records. It must not import `demo` or `cli`.
"""
