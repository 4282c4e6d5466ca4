"""The same sweep by Octavo and by other tools: seconds, what was executed, memory.

Run it from the root of the repository: ``python -m benchmarks.sweep``; see benchmarks/README.md.
"""
