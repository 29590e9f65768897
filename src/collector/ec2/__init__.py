"""What Amazon EC2 has, by subject; `collector.services.ec2` puts it together."""
