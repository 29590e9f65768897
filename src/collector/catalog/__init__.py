"""What is read off the declarations without running them: calls, clients, IAM actions, affected types, documents.

It also holds the data model that JupiterOne publishes for AWS. It makes no calls and imports nothing above `services`.
"""
