"""Kernels for CUDA devices, written in Triton, and the choice between them and torch's operators.

Only the modules with kernels import triton, and nobody imports them before a kernel is launched.
"""
