"""What people can type: one file per subcommand, each a pure function that decides."""
