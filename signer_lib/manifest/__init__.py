"""Many texts from one table: checked, signed by several processes and machines, and gone on with where a run stopped. [ours]"""
