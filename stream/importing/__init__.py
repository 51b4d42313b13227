"""Files in: foreign rows and events of a file become touchpoints on Kafka."""
