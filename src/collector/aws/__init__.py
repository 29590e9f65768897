"""Everything that waits for AWS: sessions, clients, limits, calls, and what their failures mean."""
