"""The check before the first real use: what was seen is judged here; nothing is looked at."""
