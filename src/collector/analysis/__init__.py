"""What policies and firewall rules mean: pure functions from collected facts to relationships."""
