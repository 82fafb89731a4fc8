"""What `portcullis check` finds and how it is told: text, JSON, SARIF, a page for each rule."""
