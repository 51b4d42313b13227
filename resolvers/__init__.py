"""The thought: which identifiers are one person. Pure: values in, values or store steps out."""
