"""Triton kernels that do on CUDA what `sparse` does on CPUs with stock operators. Importing them needs Triton.

Block sizes are fixed, never tuned at run time: they set the order of summation, and so the bytes that come out.
"""
