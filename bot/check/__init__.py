"""The check before the first real use: looks at everything that the bot needs, and changes nothing."""
