"""The same sweep by Octavo and by other tools: seconds, what was executed, memory. Run ``python -m benchmarks.sweep``."""
