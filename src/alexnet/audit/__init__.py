"""Questions about a user's images: wrong labels, shortcuts, near duplicates, and spoiled copies to try them on."""
