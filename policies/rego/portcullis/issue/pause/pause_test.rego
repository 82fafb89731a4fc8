package portcullis.issue.pause_test

import data.portcullis.issue.pause

asked(state) := {"role": "cicd", "incidents": [{"id": "I", "state": state, "paused_roles": ["cicd"]}]}

test_paused if pause.deny == {"role cicd is paused by incident I"} with input as asked("open")

test_over if count(pause.deny) == 0 with input as asked("lifted")

test_another_role if count(pause.deny) == 0 with input as object.union(asked("open"), {"role": "other"})
