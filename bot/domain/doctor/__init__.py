"""The doctor: whether a master may be cloned. Judges what was seen of it; looks at nothing itself."""
