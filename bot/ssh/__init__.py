"""The servers over SSH: the only home of fabric and paramiko."""
