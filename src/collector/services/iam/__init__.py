"""Declarations of AWS IAM, and the values that they compute from policies and the credential report."""
