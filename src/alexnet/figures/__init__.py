"""Arrays in, picture out; knows no model. The only room that imports matplotlib."""
