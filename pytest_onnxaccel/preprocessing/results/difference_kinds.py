"""The fixed vocabulary of differences between two preprocessing functions."""

from __future__ import annotations

#: Kind → what it means. Documented in docs/preprocessing.md; a kind is never renamed.
KINDS = {
    "truncation": "fractions are cut off: values, or the mean and scale, went through an integer type",
    "wraparound": "integer arithmetic went past the ends of its type and came out at the other end, not clipped",
    "value-range": "values in another range (0..1, -1..1, 0..255), or clipped to one",
    "channel-swap": "the colour channels are in another order (RGB, BGR)",
    "channel-stat-order": "mean or scale is applied to the channels in another order",
    "layout": "channels first or last, boxes in another form, or another order in memory than was asked",
    "axis-order": "rows, columns or parts exchanged or reversed, or reshaped where they should be transposed",
    "resample-antialias": "resized with another filter: with or without antialias",
    "resample-grid": "resized on another grid: half-pixel centres, aligned corners, shifted",
    "input-strides": "wrong for images that are not C-contiguous, right for their contiguous copy",
    "input-mutation": "the function writes into its input",
    "output-aliasing": "a second call alters the result of the first",
    "shape": "the result has another shape",
    "shape-tail": "wrong or missing last rows, columns or elements at some image sizes",
    "dtype": "another element type or byte order",
    "precision": "small errors: computed in a smaller type, or rounded differently",
    "scale": "another factor or offset: mean or scale differ",
    "border": "wrong only near the edge of the image",
    "offset": "the content is placed, cropped or padded at another position, or with another size",
    "pad-value": "another value is put around the image",
    "grey-weights": "grey is made of the colours with other weights",
    "yuv-matrix": "colours are converted with another matrix (BT.601, BT.709, full or limited range)",
    "alpha": "differs only where the fourth channel is not opaque",
    "gamma": "another tone curve: black and white agree, what is between does not",
    "statistics": "a figure of each image (percentile, maximum, standard deviation) is computed otherwise",
    "zero-point": "integers are off by one constant: another zero point",
    "orientation": "wrong only for files whose EXIF data says that they are turned",
    "decoder": "files are decoded otherwise: another JPEG decoder, palette, depth or colour space",
    "nondeterministic": "two calls on one image give two results",
    "raises": "one side raises an exception, the other gives a result",
    "other": "a difference that fits none of these",
}

#: The checks, in the order in which they are made; the first that fails is named.
STAGES = ("raises", "mutation", "aliasing", "determinism", "shape", "dtype", "layout", "values")
