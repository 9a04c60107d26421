"""Was the promise kept: devices, fixes, tracks, visits and coverage."""
