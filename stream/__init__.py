"""The wiring: settings, transport, agents, HTTP and the command line."""
