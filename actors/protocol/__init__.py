"""What is said on the wire: envelopes, methods, the handshake and their models. No I/O, no Ray."""
