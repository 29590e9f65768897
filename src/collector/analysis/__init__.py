"""Relationships derived from IAM policies, trust policies, resource policies, security groups and network ACLs.

The functions are pure: they map the collected facts of one account to relationships, report faulty documents as findings instead
of raising, and never call AWS, wait or log. Nothing here imports from other parts of the collector.
"""
