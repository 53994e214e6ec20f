"""Alg. 1's last step: the experts go on learning, with a renderer that looks at what they do. [paper: that there is one; ours: the form]"""
