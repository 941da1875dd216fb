"""Messy lists of made-up mineral owners, with the true person of every row in a side file.

Nothing here reads or writes the database or the stores: it only writes files into a folder.
"""

from cm_core.sample_data.generate import SampleData, generate

__all__ = ["SampleData", "generate"]
