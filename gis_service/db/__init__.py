"""Engine and sessions, the private cluster, migrations, and bulk copying."""
