"""Declarations of the AWS services: each module, or `service` module of a package, exposes one `Service` as `SERVICE`.

Declarations are immutable data and pure functions of a row. They make no calls, read no configuration, and import only other
service modules, `analysis` and `schema`.
"""
