"""Review documents: what draws on several domains, as DOCX and HTML."""
