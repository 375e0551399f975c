"""Arrays in, image out; knows no model. The only room that imports matplotlib."""
