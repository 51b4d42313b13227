"""Rivals: programs that one might write instead, each as good at the same job as its framework lets it."""
