"""A source of PyTorch that tests of the command line and of the gate convert."""

from __future__ import annotations

#: A module file: ``Net`` maps Nx4 to Nx3.
NETS = """
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(4, 3)

    def forward(self, x):
        return self.linear(x)
"""
