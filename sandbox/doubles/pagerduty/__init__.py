"""PagerDuty's Events API v2 as a stateful double, held in both directions to what PagerDuty publishes about it."""
