"""All ways from text to poses side by side: the floors, the stitchers, the regression, SLP-MoE, and the truth. [ours]"""
