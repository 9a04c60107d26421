"""Map layers: registry, tiles, heat, snapshots."""
