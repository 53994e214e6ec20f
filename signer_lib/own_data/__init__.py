"""A person's own data, from one YAML to a pipeline of their own: text, sign clips, sentence clips; all stages trained in order. [ours]"""
