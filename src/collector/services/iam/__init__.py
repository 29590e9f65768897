"""What the declarations of IAM and of its neighbours compute."""
