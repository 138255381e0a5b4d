"""One read-only pass over a master for the doctor: a script, and what its output says."""
