"""The four levels: importing, checking, revisions, placing, gazetteer."""
