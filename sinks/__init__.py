"""The hands: Redis, Kafka and their in-memory twins. Carry out what the thought decided."""
