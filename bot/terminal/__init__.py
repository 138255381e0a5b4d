"""The way in for people at a terminal, through a socket in the data folder; it works also without Slack."""
