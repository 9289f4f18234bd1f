"""From the CORS of other libraries to ours, and what changes with it: for `corsgate migrate`."""
