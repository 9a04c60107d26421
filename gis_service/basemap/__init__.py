"""What was imported from an OSM extract."""
