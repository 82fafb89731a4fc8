"""Where a snapshot comes from: the declarations, a server, files."""
