"""Watches: follow an area, a drawn polygon or a class; notices in the app and by webhook."""
