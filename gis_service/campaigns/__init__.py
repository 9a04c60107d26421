"""Campaigns 专项整治 and what they changed."""
