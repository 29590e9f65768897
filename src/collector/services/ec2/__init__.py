"""What Amazon EC2 has, by subject; `collector.services.ec2.service` puts it together."""
