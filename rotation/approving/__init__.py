"""Whether a pull request that widens access has the approvals that policy demands."""
