"""Images in: scan, check, split, decode once, augment, batch."""
