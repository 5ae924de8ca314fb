"""What a graph says of its inputs: the values that are legal, the sizes that are plausible, the axis of the batch."""
