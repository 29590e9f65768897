"""The vocabulary of the declarations: rows, values, entities and relationships, as immutable data.

It also compiles paths and other sources to plain functions, and holds what JupiterOne's classes require. It makes no
calls and imports nothing above `config`.
"""
