"""Clips judged by people, Deaf people first: a kit of blind pages, and what the ratings say (Table 6). [paper: a user study; ours: all else]

No rating comes with the project: until real ones are read in, ``summary_or_none`` gives None, and tables say "not yet collected".
"""

from signer_lib.rating.summary import summary_or_none

__all__ = ["summary_or_none"]
