"""The plan's stages and tasks, what is done, missing and to be put right."""
