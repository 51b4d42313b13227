"""The demo: a synthetic retail day through the whole engine, and the truth it is held against."""
