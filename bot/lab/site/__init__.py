"""The site of the lab's hand-built server."""
