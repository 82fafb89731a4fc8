"""What `portcullis access` asks, of what, and how the answer is shown."""
