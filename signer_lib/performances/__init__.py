"""Sentences as signers perform them: renditions of signs in pools, and natural sentences made of them. The data of stage three. [ours]"""
