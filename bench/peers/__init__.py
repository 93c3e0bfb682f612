"""The benchmark of alsatian against its peers on a CPU; scripts/bench-peers runs it.

Not a part of the program: nothing in kernels/, host/ or cli/ knows of it.
"""
