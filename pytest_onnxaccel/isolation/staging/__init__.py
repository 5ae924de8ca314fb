"""Models, sources and golden data, copied to where a worker may read them."""
