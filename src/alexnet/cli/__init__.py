"""A thin coat: parse, one library call, show. The only room that prints and exits."""
