"""What is true about fleets, plans and people. Pure: no input, no output, no clock."""
