"""How fast and how well incidents are found and handled, by place, unit, class and period."""
