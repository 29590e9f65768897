"""Declarations of Amazon S3, and the public access of a bucket that they compute."""
