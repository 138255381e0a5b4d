"""What one host is made of: a disk, a login, power, and the programs on its disk."""
