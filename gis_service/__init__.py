"""Grid patrol and incident map service."""
