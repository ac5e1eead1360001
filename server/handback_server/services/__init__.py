"""The services: one module each, decoding a request, calling the engine, answering."""
