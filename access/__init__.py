"""What a set of ACL policies grants on a path, as the server decides it. Pure: text and values in, values out."""
