"""What a training on a large corpus needs: disk, memory, time, from what was measured here and from the networks' own arithmetic. [ours]"""
