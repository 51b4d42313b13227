"""What operators write: variables, `idweave.yaml`, `rules.yaml`, each mistake named at its place."""
