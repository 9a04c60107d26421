"""What attackers try; docs/security.md walks it point by point."""
