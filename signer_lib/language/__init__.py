"""Text and prompts -> glosses and semantic states: the corpus, the tokenizer, SLUL and its training."""
