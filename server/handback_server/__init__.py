"""The gRPC server of Handback: thin services over the engine, and the workers of one process."""
