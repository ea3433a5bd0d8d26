"""Between the network and the interface: ASGI middlewares, one concern a file; `wall` puts them in order."""
