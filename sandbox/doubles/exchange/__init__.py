"""A double of an exchange: keys that can be listed, created and disabled, and orders that only a live key can place."""
