"""A seeded, illustrative district: places, streets, buildings and a year of incidents."""
