"""The read side: profiles, evidence and history of a live engine, for HTTP and the command line."""
