"""What a fleet file could say of a server that was never prepared for it, each thing with its reason."""
