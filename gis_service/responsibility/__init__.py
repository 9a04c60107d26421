"""Who answers for a place, a class and a time."""
