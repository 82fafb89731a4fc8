"""What a change gives to whom and takes from whom, worst first."""
