"""Declarations of Amazon EC2, one module per subject; `service` combines them into `SERVICE`."""
