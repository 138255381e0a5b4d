"""What AWS alone shows of a master that should not be cloned as it is. Pure."""
