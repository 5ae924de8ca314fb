"""What functions are given: domains, forms, what is asked for, made-up model outputs."""
