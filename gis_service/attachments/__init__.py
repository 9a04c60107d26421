"""Photos and scans: the original as evidence, a public rendition without metadata."""
