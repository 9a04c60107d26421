"""Pure functions on frames and arrays."""
