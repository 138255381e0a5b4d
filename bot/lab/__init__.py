"""Everything outside, on this machine: local AWS with real hosts, local Slack, a site."""
