# Placeholder: the pipeline will fill this in.
