"""The commands: options made from the settings, tables and progress for people, exit codes for scripts.

It reads the settings, starts runs and prints what they return; it must not collect, convert or deliver anything itself. Nothing
imports it. Help and errors in the command line must not load the AWS SDK, so each command imports what it needs when it runs.
"""
