"""What operators do to a live engine: look whether all is well, audit, compare, replay, republish, send again."""
