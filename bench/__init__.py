"""Benchmarks: ours beside a plain program and beside the bare API calls, as ratios in one run. They decide no test."""
