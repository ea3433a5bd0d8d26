"""Between the network and the interface: ASGI middlewares, one concern a file; `middleware` puts them in order."""
