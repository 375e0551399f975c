"""`alexnet data ...`: folders of images, practice images, the cache."""
