"""HTTP: routes, who may ask, and the server."""
