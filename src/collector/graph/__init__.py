"""The pure core: converts rows to entities, resolves pointers to relationships within one account, runs the analysis.

Nothing here calls AWS, opens a file or waits, except for the thread of the analysis. A relationship is yielded only
after both of its ends. No record is kept: memory grows with entities and waiting pointers only. This wing imports
nothing above `catalog`.
"""
