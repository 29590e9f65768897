"""A sample AWS estate for trying the collector without an account: moto behind a WSGI stub, and the code that seeds it.

A seeded estate has the same ids, names and order every time, and a run reaches it over real HTTP. The wing may import
any wing below `preflight`. Only `cli` may import it, and only `process` and `tally`, so that moto stays optional.
"""
