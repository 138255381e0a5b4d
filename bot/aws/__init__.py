"""AWS, and the only home of boto3."""
