"""What is new, and which run it needs. Sensors never import asset modules and change nothing themselves."""
