"""Texts on which tokenizers and cleaners differ: case, accents in both forms, spaces, other scripts, lengths."""

from __future__ import annotations

TEXTS = (
    "hello world",
    "",
    " ",
    "Hello, World! It's 3.50 EUR; isn't it?",
    "UPPER lower MiXeD",
    "  two  spaces\tand\na line  ",
    "caf\u00e9 na\u00efve \u00fcber",
    "cafe\u0301 nai\u0308ve u\u0308ber",
    "stra\u00dfe \u0130stanbul \ufb01ne",
    "\u4f60\u597d\u4e16\u754c \u3053\u3093\u306b\u3061\u306f",
    "\u0645\u0631\u062d\u0628\u0627 \u0928\u092e\u0938\u094d\u0924\u0947",
    "\U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467 ok",
    "e-mail a.b@c.org http://x.org/?q=1&r=2 #tag",
    "0123456789 1,000,000.5 -7 1e-9",
    "[CLS] [SEP] <unk> </s>",
    "\u200bzero\u00a0width\u00adsoft",
    "word " * 600,
    "a" * 300,
)
