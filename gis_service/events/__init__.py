"""The published feed of changes and the sequencer that numbers it."""
