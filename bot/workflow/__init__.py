"""What becomes of a request: decided, approved, carried out, finished; durably."""
