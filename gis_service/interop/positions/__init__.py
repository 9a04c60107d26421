"""Live positions from phones: OwnTracks in HTTP mode, Traccar Client in the OsmAnd protocol."""
