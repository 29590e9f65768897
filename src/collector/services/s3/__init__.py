"""What the declarations of S3 compute."""
