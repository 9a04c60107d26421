"""OGC API – Features and Tiles, served by tipg over the views of the schema ``ogc``."""
