"""What people see in Slack. Pure: a value of the domain becomes text and Block Kit."""
