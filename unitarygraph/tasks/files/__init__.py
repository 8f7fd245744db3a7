"""Files of sequences: finding them, and reading each format; nothing is downloaded, no pickle trusted.

A file that is missing raises FileNotFoundError, one that is not what it should be ValueError; both say in
one sentence what was looked for, where, and where one gets it.
"""
