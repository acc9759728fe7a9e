"""Between the engine and the network: where requests may go, and how fast."""
