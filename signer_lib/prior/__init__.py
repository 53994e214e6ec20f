"""The rule-based stable pose prior: signs compiled from descriptions, recorded letters, and the table that holds both."""
