"""What a community has and does: service post, stations, activities, surveys, opinions."""
